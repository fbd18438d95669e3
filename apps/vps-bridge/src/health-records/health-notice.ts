import type { VpsHealthChangedNotice } from '@agentfleet/contracts';
import { statusOf, type HealthState } from '@agentfleet/health';
import { wireTime } from '@agentfleet/sessions';
import type { StoredHealth } from './health.repository';
import { renderCircuit } from '../health/render-health';

/** What everybody is told of a record that was replaced; null when neither status nor circuit changed. */
export function healthChangedNotice({ orgId, name, state }: StoredHealth, before: HealthState, nowMs: number): VpsHealthChangedNotice | null {
  const from = statusOf(before);
  const to = statusOf(state);
  if (from === to && state.circuit.state === before.circuit.state) return null;
  return { orgId, agentName: name, from, to, circuit: renderCircuit(state.circuit), at: wireTime(nowMs) };
}

import type { VpsCircuitView, VpsHealthChangedNotice } from '@agentfleet/contracts';
import { statusOf, type HealthState } from '@agentfleet/health';
import type { Circuit } from '@agentfleet/resilience';
import { wireTime } from '@agentfleet/sessions';
import type { StoredHealth } from './health.repository';

export function renderCircuit(circuit: Circuit): VpsCircuitView {
  if (circuit.state === 'closed') return { state: 'closed', opened_at: null, retry_at: null };
  return { state: circuit.state, opened_at: wireTime(circuit.openedAtMs), retry_at: wireTime(circuit.retryAtMs) };
}

/** What everybody is notified of when a record that was replaced; null when neither status nor circuit changed. */
export function healthChangedNotice({ orgId, name, state }: StoredHealth, before: HealthState, nowMs: number): VpsHealthChangedNotice | null {
  const from = statusOf(before);
  const to = statusOf(state);
  if (from === to && state.circuit.state === before.circuit.state) return null;
  return { orgId, agentName: name, from, to, circuit: renderCircuit(state.circuit), at: wireTime(nowMs) };
}

import type { AiwmHeartbeatBody, AiwmReportedStatus, JsonObject } from '@agentfleet/contracts';
import type { SecretSafeLog } from './agent-log';
import { ProcessMeter } from './agent-measures';

export type AgentStatus = AiwmReportedStatus;
/** A heartbeat, but for the revision that the agent runs. */
export type HeartbeatReport = Omit<AiwmHeartbeatBody, 'configRevision'>;

export interface ReportCallbacks {
  /** What the next heartbeat says; default `online`. */
  readonly status?: () => AgentStatus;
  /** Added to what is measured of the process. */
  readonly metrics?: () => JsonObject;
  /** Replaces the count of the process's open TCP connections. */
  readonly activeConnections?: () => number;
}

/** What heartbeats say of the agent. A callback that throws costs its part, not the heartbeat. */
export function heartbeatReport(callbacks: ReportCallbacks, log: SecretSafeLog): () => HeartbeatReport {
  const meter = new ProcessMeter(callbacks.activeConnections);
  const attempt = <T>(ask: () => T, otherwise: T): T => {
    try {
      return ask();
    } catch (error) {
      log.error({ error: String(error) }, 'A callback of the agent client threw');
      return otherwise;
    }
  };
  return () => {
    const measured = attempt((): JsonObject => ({ ...meter.measure() }), {});
    return { status: attempt(callbacks.status ?? (() => 'online'), 'online'), metrics: { ...measured, ...attempt(callbacks.metrics ?? (() => ({})), {}) } };
  };
}

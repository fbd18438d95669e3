import type { AiwmConnectionStatus, AiwmPresenceReason, AiwmReportedStatus } from '@agentfleet/contracts';
import type { PresenceTimes } from '../env';

/** What presence follows from; all times in milliseconds since 1970. */
export interface PresenceFacts {
  readonly createdAtMs: number;
  readonly suspendedSinceMs: number | undefined;
  /** No status that is shown after a suspension began before its end. */
  readonly suspensionEndedAtMs: number | undefined;
  readonly lastConnectedAtMs: number | undefined;
  readonly lastHeartbeatAtMs: number | undefined;
  readonly reportedStatus: AiwmReportedStatus;
  readonly reportedSinceMs: number | undefined;
  readonly disconnectedAtMs: number | undefined;
  readonly disconnectReason: string | undefined;
}

/** A time in which no replica could take heartbeats, milliseconds since 1970. */
export interface Gap {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Presence {
  readonly status: AiwmConnectionStatus;
  readonly reason: AiwmPresenceReason;
  readonly sinceMs: number;
  readonly detail: string | undefined;
  readonly nextExpectedAtMs: number | undefined;
}

/** Length of the gaps' part in `[fromMs, toMs]`. */
function deafMs(fromMs: number, toMs: number, gaps: readonly Gap[]): number {
  return gaps.reduce((sum, gap) => sum + Math.max(0, Math.min(toMs, gap.toMs) - Math.max(fromMs, gap.fromMs)), 0);
}

/** When, after `fromMs`, the time in which heartbeats could be taken adds up to `heardMs`. */
function momentHeard(fromMs: number, heardMs: number, gaps: readonly Gap[]): number {
  let atMs = fromMs + heardMs;
  for (const gap of [...gaps].sort((a, b) => a.fromMs - b.fromMs)) {
    if (gap.toMs <= fromMs || gap.fromMs >= atMs) continue;
    atMs += gap.toMs - Math.max(fromMs, gap.fromMs);
  }
  return atMs;
}

/** When silence of `silenceMs` was first noticed: in a gap nobody could, so then at its end. */
function momentNoticed(fromMs: number, silenceMs: number, gaps: readonly Gap[]): number {
  const atMs = fromMs + silenceMs;
  return gaps.find((gap) => gap.fromMs <= atMs && atMs < gap.toMs)?.toMs ?? atMs;
}

/** A heartbeat that came before a connect may be written after it, by another replica; the agent is `online` from the connect on. */
function lastReport({ lastHeartbeatAtMs, reportedStatus, reportedSinceMs }: PresenceFacts, lastConnectedAtMs: number) {
  const isOvertaken = reportedStatus !== 'online' && (lastHeartbeatAtMs ?? -Infinity) < lastConnectedAtMs;
  if (isOvertaken) return { status: 'online', sinceMs: lastConnectedAtMs } as const;
  return { status: reportedStatus, sinceMs: reportedSinceMs ?? Math.max(lastConnectedAtMs, lastHeartbeatAtMs ?? -Infinity) };
}

/** Presence at `nowMs`, from facts alone, so that it is never older than the question (contract section 6). */
export function presenceAt(facts: PresenceFacts, nowMs: number, times: PresenceTimes, gaps: readonly Gap[]): Presence {
  const presence = unsuspendedAt(facts, nowMs, times, gaps);
  if (facts.suspensionEndedAtMs === undefined || facts.suspendedSinceMs !== undefined || presence.status === 'never_connected') return presence;
  return { ...presence, sinceMs: Math.max(presence.sinceMs, facts.suspensionEndedAtMs) };
}

function unsuspendedAt(facts: PresenceFacts, nowMs: number, times: PresenceTimes, gaps: readonly Gap[]): Presence {
  const none = { detail: undefined, nextExpectedAtMs: undefined };
  const { lastConnectedAtMs, lastHeartbeatAtMs, disconnectedAtMs } = facts;
  if (lastConnectedAtMs === undefined) {
    return { status: 'never_connected', reason: 'never_connected', sinceMs: facts.createdAtMs, ...none };
  }
  if (facts.suspendedSinceMs !== undefined) return { status: 'offline', reason: 'suspended', sinceMs: facts.suspendedSinceMs, ...none };
  const seenMs = Math.max(lastConnectedAtMs, lastHeartbeatAtMs ?? -Infinity);
  if (disconnectedAtMs !== undefined && disconnectedAtMs >= seenMs) {
    return { status: 'offline', reason: 'disconnected', sinceMs: disconnectedAtMs, detail: facts.disconnectReason, nextExpectedAtMs: undefined };
  }
  const staleMs = times.staleS * 1000;
  const timeoutMs = times.timeoutS * 1000;
  const silenceMs = nowMs - seenMs;
  const heardMs = silenceMs - deafMs(seenMs, nowMs, gaps);
  const nextExpectedAtMs = seenMs + times.intervalS * 1000;
  if (silenceMs <= staleMs) {
    const { status, sinceMs } = lastReport(facts, lastConnectedAtMs);
    const reason = lastHeartbeatAtMs !== undefined && lastHeartbeatAtMs >= lastConnectedAtMs ? 'heartbeat' : 'connected';
    return { status, reason, sinceMs, detail: undefined, nextExpectedAtMs };
  }
  if (heardMs <= timeoutMs) {
    const reason = heardMs <= staleMs ? 'controller_gap' : 'heartbeat_late';
    return { status: 'stale', reason, sinceMs: momentNoticed(seenMs, staleMs, gaps), detail: undefined, nextExpectedAtMs };
  }
  return { status: 'offline', reason: 'heartbeat_timeout', sinceMs: momentHeard(seenMs, timeoutMs, gaps), ...none };
}

/** Since when the reported status has held, once something new was heard at `atMs`. */
export function reportedSinceAfter(
  facts: PresenceFacts,
  status: PresenceFacts['reportedStatus'],
  atMs: number,
  times: PresenceTimes,
  gaps: readonly Gap[],
): number {
  const before = presenceAt(facts, atMs, times, gaps);
  return before.status === status ? before.sinceMs : atMs;
}

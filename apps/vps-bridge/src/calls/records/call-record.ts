import type { VpsCallItem, VpsCallKind, VpsCallRequest, VpsCallResult, VpsCallView, VpsKeptCallResult } from '@agentfleet/contracts';
import { wireTime } from '@agentfleet/sessions';
import type { FinishedCall, OpenCall } from './call.repository';
import type { CallDocument } from './call.schema';

const wireDate = (date: Date | null) => (date === null ? null : wireTime(date.getTime()));

/** The result as plain synchronous and streamed calls keep it. */
export function withoutResponse({ response: _response, ...rest }: VpsCallResult): VpsKeptCallResult {
  return { ...rest, response_omitted: true };
}

/** The record's end of a call that was opened before it began. */
export function finishedCall(result: VpsKeptCallResult, finishedAtMs: number, contacted: boolean): FinishedCall {
  return { callId: result.call_id, result, finishedAtMs, freesKey: !contacted };
}

/** The record of a plain call that is under way; how it ends is not known yet. */
export function runningCall(
  call: { readonly callId: string; readonly orgId: string; readonly kind: VpsCallKind; readonly request: Pick<VpsCallRequest, 'agentName' | 'sessionId' | 'userId'> },
  times: { readonly startedAtMs: number; readonly expiresAtMs: number },
  holder: string,
  chain: readonly string[],
): OpenCall {
  const { callId, orgId, kind } = call;
  const { agentName, sessionId, userId } = call.request;
  const { startedAtMs: createdAtMs, expiresAtMs } = times;
  return { callId, orgId, kind, status: 'running', agentName, sessionId, userId, createdAtMs, expiresAtMs, request: null, key: null, holder, attempted: true, chain };
}

/** The whole record of a plain call, made when it has ended. */
export function endedCall(
  call: { readonly orgId: string; readonly kind: VpsCallKind; readonly request: Pick<VpsCallRequest, 'agentName' | 'sessionId' | 'userId'> },
  result: VpsCallResult,
  times: { readonly startedAtMs: number; readonly finishedAtMs: number; readonly expiresAtMs: number },
): CallDocument {
  const { agentName, sessionId, userId } = call.request;
  const startedAt = new Date(times.startedAtMs);
  return {
    _id: result.call_id,
    orgId: call.orgId,
    kind: call.kind,
    status: result.success ? 'succeeded' : 'failed',
    agentName,
    sessionId,
    userId,
    createdAt: startedAt,
    startedAt,
    finishedAt: new Date(times.finishedAtMs),
    result: withoutResponse(result),
    expiresAt: new Date(times.expiresAtMs),
  };
}

/** A kept result as the caller got it. */
export function keptResult({ response_omitted: _omitted, ...result }: VpsKeptCallResult): VpsCallResult {
  return { ...result, response: result.response ?? null };
}

export function renderCall(call: CallDocument): VpsCallView {
  return {
    call_id: call._id,
    status: call.status,
    kind: call.kind,
    agent_name: call.agentName,
    session_id: call.sessionId,
    user_id: call.userId,
    created_at: wireTime(call.createdAt.getTime()),
    started_at: wireDate(call.startedAt),
    finished_at: wireDate(call.finishedAt),
    result: call.result,
    ...(call.result?.response_omitted === true ? { response_omitted: true } : {}),
  };
}

export function renderCallItem({ _id, kind, status, agentName, sessionId, userId, createdAt, finishedAt, result }: CallDocument): VpsCallItem {
  return {
    call_id: _id,
    kind,
    status,
    agent_name: agentName,
    answered_by: result?.success === true ? result.agent_name : null,
    session_id: sessionId,
    user_id: userId,
    success: result?.success ?? null,
    error_type: result?.error_type ?? null,
    error_code: result?.error_code ?? null,
    latency_ms: result?.latency_ms ?? null,
    retry_count: result?.retry_count ?? null,
    created_at: wireTime(createdAt.getTime()),
    finished_at: wireDate(finishedAt),
  };
}

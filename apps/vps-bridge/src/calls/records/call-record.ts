import type { VpsCallItem, VpsCallKind, VpsCallRequest, VpsCallResult, VpsCallView, VpsKeptCallResult } from '@agentfleet/contracts';
import { currentContext } from '@agentfleet/platform';
import { wireTime } from '@agentfleet/sessions';
import type { EndedCall, FinishedCall, OpenCall } from './call.repository';
import type { CallDocument, StoredRequest } from './call.schema';
import type { IdempotencyKey } from './idempotency-key';
import type { CallIdentity } from './unanswered';

/** One call to be made. */
export interface Call {
  readonly callId: string;
  readonly kind: VpsCallKind;
  readonly orgId: string;
  /** Owns a new session when the request names no user. */
  readonly callerId: string;
  readonly request: VpsCallRequest;
  readonly key: IdempotencyKey | undefined;
  /** It was begun before: its prompt may be in the session already. */
  readonly mayBeStored?: boolean;
}

/**
 * Whether a record stands open before the call begins, which keeps the response. Others are plain calls, whose records are
 * written at their end.
 */
export function isRecorded({ kind, key }: Call): boolean {
  return kind === 'async' || key !== undefined;
}

export function identityOf({ callId, request: { agentName, sessionId } }: Call): CallIdentity {
  return { callId, agentName, sessionId };
}

const wireDate = (date: Date | null) => (date === null ? null : wireTime(date.getTime()));

/** The result as plain synchronous and streamed calls keep it. */
export function withoutResponse({ response: _response, ...rest }: VpsCallResult): VpsKeptCallResult {
  return { ...rest, response_omitted: true };
}

/** The record's end of a call that was opened before it began. */
export function finishedCall(result: VpsKeptCallResult, finishedAtMs: number, contacted: boolean): FinishedCall {
  return { callId: result.call_id, result, finishedAtMs, freesKey: !contacted };
}

/** The record of a call that has not ended: queued for an asynchronous one, else under way. */
export function openCall(call: Call, holder: string, createdAtMs: number, chain: readonly string[]): OpenCall {
  const { callId, orgId, kind, key, request } = call;
  const { agentName, sessionId, userId } = request;
  const isQueued = kind === 'async';
  const stored = isQueued ? storedRequest(call) : null;
  return { callId, orgId, kind, status: isQueued ? 'queued' : 'running', agentName, sessionId, userId, createdAtMs, request: stored, key, holder, attempted: !isQueued, chain };
}

function storedRequest({ callerId, request }: Call): StoredRequest {
  const { prompt, metadata, includeHistory, deadlineSeconds } = request;
  const context = currentContext();
  return {
    prompt,
    metadata: metadata === null ? null : JSON.stringify(metadata),
    includeHistory,
    deadlineSeconds,
    callerId,
    correlationId: context?.correlationId ?? null,
    traceparent: context?.traceparent ?? null,
  };
}

/** The whole record of a plain call, made when it has ended. */
export function endedCall(call: Call, result: VpsCallResult, startedAtMs: number, finishedAtMs: number): EndedCall {
  const { agentName, sessionId, userId } = call.request;
  const startedAt = new Date(startedAtMs);
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
    finishedAt: new Date(finishedAtMs),
    result: withoutResponse(result),
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

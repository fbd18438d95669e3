import type { Parsed } from '../platform/field-reader';
import { isObjectId } from '../platform/identity';
import { isJsonObject, type JsonObject } from '../platform/json';
import { parseVpsCall, type VpsCallRequest } from './parse-call';
import type { VpsCallResult } from './wire';

/** Pattern of a call over the bus; the replica's id is appended. Also the body of `POST /internal/bridge/call`. */
export const VPS_CALL_PATTERN = 'bridge.call';
export const VPS_INTERNAL_CALL_PATH = '/internal/bridge/call';
/** Requests and answers beyond this go over HTTP. */
export const MAX_BUS_BYTES = 256 * 1024;

export interface VpsBusCall {
  readonly orgId: string;
  readonly agentName: string;
  readonly prompt: string;
  readonly sessionId?: string | null;
  readonly userId?: string | null;
  readonly metadata?: JsonObject | null;
  readonly includeHistory?: boolean | null;
  readonly deadlineSeconds?: number | null;
  /** Required, so that a lost answer can be asked for again. */
  readonly idempotencyKey: string;
  readonly correlationId?: string;
  readonly traceparent?: string;
}

export type VpsBusAnswer =
  | { readonly ok: true; readonly result: VpsCallResult }
  /** The answer is too large for the bus: ask again, with the same key, over HTTP. */
  | { readonly ok: true; readonly result: null; readonly via: 'http' }
  | { readonly ok: false; readonly status: number; readonly body: { readonly detail: string; readonly code: string } };

export interface VpsBusRequest {
  readonly orgId: string;
  readonly idempotencyKey: string;
  readonly correlationId: string | undefined;
  readonly traceparent: string | undefined;
  readonly call: VpsCallRequest;
  /** The same call as `POST /api/vps/call` would get it. */
  readonly body: JsonObject;
}

const text = (value: unknown) => (typeof value === 'string' ? value : undefined);

/** Parses a call over the bus; the problems name the fields of `POST /api/vps/call`. */
export function parseVpsBusCall(payload: unknown): Parsed<VpsBusRequest> {
  if (!isJsonObject(payload)) return { ok: false, problems: [{ field: 'payload', message: 'must be an object' }] };
  const { orgId, idempotencyKey } = payload;
  if (!isObjectId(orgId)) return { ok: false, problems: [{ field: 'orgId', message: 'must be the id of an organization' }] };
  if (typeof idempotencyKey !== 'string') return { ok: false, problems: [{ field: 'idempotencyKey', message: 'is required' }] };
  const fields = {
    agent_name: payload['agentName'],
    prompt: payload['prompt'],
    session_id: payload['sessionId'],
    user_id: payload['userId'],
    metadata: payload['metadata'],
    include_history: payload['includeHistory'],
    deadline_seconds: payload['deadlineSeconds'],
  };
  const body = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));
  const parsed = parseVpsCall(body);
  if (!parsed.ok) return parsed;
  const { correlationId, traceparent } = payload;
  return { ok: true, value: { orgId, idempotencyKey, correlationId: text(correlationId), traceparent: text(traceparent), call: parsed.value, body } };
}

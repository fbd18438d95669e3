import type { Parsed } from '../platform/field-reader';
import { isJsonObject, type JsonObject } from '../platform/json';
import { hasCodePoints } from '../platform/text';
import { parseClusterHeartbeat } from './heartbeat';
import type { ClusterHeartbeat, ClusterRegistration } from './messages';
import { parseClusterRegistration } from './register';

const MAX_REQUEST_ID = 256;
const MAX_ECHO = 64;

/** A message with a payload that matters here. */
export type ClusterFrame =
  | { readonly type: 'register'; readonly registration: ClusterRegistration }
  | { readonly type: 'heartbeat' | 'status'; readonly heartbeat: ClusterHeartbeat }
  | { readonly type: 'ping' };

export type ClusterFrameResult =
  | { readonly ok: true; readonly requestId: string | undefined; readonly frame: ClusterFrame }
  | { readonly ok: false; readonly requestId: string | undefined; readonly text: string };

/** The `request_id` to echo: absent, null and `""` are none. */
export function clusterRequestId(message: JsonObject): { readonly ok: boolean; readonly requestId: string | undefined } {
  const value = Object.hasOwn(message, 'request_id') ? message['request_id'] : undefined;
  if (value === undefined || value === null || value === '') return { ok: true, requestId: undefined };
  if (typeof value === 'string' && hasCodePoints(value, 0, MAX_REQUEST_ID)) return { ok: true, requestId: value };
  return { ok: false, requestId: undefined };
}

/**
 * Checks one message of an agent whose `type` is already known to be one of these. Pure; a bad message becomes a text that
 * names the field and the problem.
 */
export function parseClusterFrame(type: ClusterFrame['type'], message: JsonObject): ClusterFrameResult {
  const { ok, requestId } = clusterRequestId(message);
  if (!ok) return { ok: false, requestId, text: `request_id must be a string of at most ${MAX_REQUEST_ID} characters` };
  const payload = Object.hasOwn(message, 'payload') ? message['payload'] : undefined;
  if (type === 'ping' && (payload === undefined || payload === null)) return { ok: true, requestId, frame: { type } };
  if (!isJsonObject(payload)) return { ok: false, requestId, text: 'payload must be an object' };
  switch (type) {
    case 'register':
      return finish(requestId, parseClusterRegistration(payload), (registration) => ({ type, registration }));
    case 'heartbeat':
    case 'status':
      return finish(requestId, parseClusterHeartbeat(payload), (heartbeat) => ({ type, heartbeat }));
    case 'ping':
      return { ok: true, requestId, frame: { type } };
  }
}

function finish<T>(requestId: string | undefined, parsed: Parsed<T>, frameOf: (value: T) => ClusterFrame): ClusterFrameResult {
  if (parsed.ok) return { ok: true, requestId, frame: frameOf(parsed.value) };
  const first = parsed.problems[0];
  return { ok: false, requestId, text: first ? `${first.field} ${first.message}` : 'payload is not valid' };
}

/** Texts with one of these make existing agents forget their cluster: they are never repeated from input. */
const RESERVED = /not\s+registered|cluster\s+not\s+found/i;

/** Agent's text in an error of ours: at most 64 characters of it. */
export function clusterEcho(text: string): string {
  if (RESERVED.test(text)) return '…';
  const characters = [...text.slice(0, 2 * MAX_ECHO + 2)];
  return characters.length > MAX_ECHO ? `${characters.slice(0, MAX_ECHO).join('')}…` : characters.join('');
}

/**
 * True for a well-formed binary proxy answer: u16 length of the id, the id, u32 status, u32 length of the headers, the
 * headers as JSON, the body; big-endian.
 */
export function isBinaryProxyAnswer(data: Uint8Array): boolean {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (data.length < 2) return false;
  const idLength = view.getUint16(0);
  if (idLength === 0 || idLength > MAX_REQUEST_ID || data.length < 2 + idLength + 8) return false;
  const headersAt = 2 + idLength + 8;
  const headersLength = view.getUint32(2 + idLength + 4);
  if (headersAt + headersLength > data.length) return false;
  try {
    const headers: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data.subarray(headersAt, headersAt + headersLength)));
    return headers === null || isJsonObject(headers);
  } catch {
    return false;
  }
}

import { isUtf8 } from 'node:buffer';
import { isJsonObject, type JsonObject } from '@agentfleet/contracts';
import type { RawData } from 'ws';
import { AppError } from '@agentfleet/errors';
import { MAX_KEYS, MAX_KEYS_PER_OBJECT } from '../http/json-body';
import { describeJsonFault, findJsonFault, withoutByteOrderMark, type JsonFault } from '../http/json-scan';
import type { FrameProblem } from './socket-types';

export function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

export type ParsedFrame =
  | { readonly ok: true; readonly name: string; readonly frame: JsonObject }
  | { readonly ok: false; readonly problem: FrameProblem };

const malformed = (reason: Extract<FrameProblem, { kind: 'malformed' }>['reason'], frame?: JsonObject): ParsedFrame => ({
  ok: false,
  problem: { kind: 'malformed', reason, frame },
});

/** The frame is well formed JSON or could be: the app words it like a field that it refuses itself. */
function refused(fault: JsonFault, frame: JsonObject): ParsedFrame {
  const problem = describeJsonFault(fault.path === '' ? { ...fault, path: 'message' } : fault);
  const error = new AppError('validation_failed', { message: `${problem.field} ${problem.message}`, problems: [problem] });
  return { ok: false, problem: { kind: 'failed', error, frame } };
}

/** Text of a frame to an object with its name; never throws, whatever the bytes. */
export function parseFrame(received: Buffer, discriminator: string, maxDepth: number): ParsedFrame {
  const bytes = withoutByteOrderMark(received);
  if (bytes.length === 0) return malformed('empty');
  if (!isUtf8(bytes)) return malformed('not_utf8');
  const limits = { depth: maxDepth, keysPerObject: MAX_KEYS_PER_OBJECT, keys: MAX_KEYS };
  const fault = findJsonFault(bytes, limits);
  if (fault?.kind === 'too_deep') return malformed('too_deep');
  if (fault?.kind === 'too_many_keys') return refused(fault, {});
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return malformed('not_json');
  }
  if (!isJsonObject(value)) return malformed('not_object');
  if (fault) return refused(fault, value);
  const name = Object.hasOwn(value, discriminator) ? value[discriminator] : undefined;
  if (typeof name !== 'string' || name === '') return malformed('no_name', value);
  return { ok: true, name, frame: value };
}

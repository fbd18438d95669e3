import { isUtf8 } from 'node:buffer';
import { isJsonObject, type JsonObject } from '@agentfleet/contracts';
import type { RawData } from 'ws';
import { isWithinDepth } from '../http/json-body';
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

/** Text of a frame to an object with its name; never throws, whatever the bytes. */
export function parseFrame(bytes: Buffer, discriminator: string, maxDepth: number): ParsedFrame {
  if (bytes.length === 0) return malformed('empty');
  if (!isUtf8(bytes)) return malformed('not_utf8');
  if (!isWithinDepth(bytes, maxDepth)) return malformed('too_deep');
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return malformed('not_json');
  }
  if (!isJsonObject(value)) return malformed('not_object');
  const name = Object.hasOwn(value, discriminator) ? value[discriminator] : undefined;
  if (typeof name !== 'string' || name === '') return malformed('no_name', value);
  return { ok: true, name, frame: value };
}

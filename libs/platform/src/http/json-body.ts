import { isUtf8 } from 'node:buffer';
import { isJsonObject } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import type { HttpRules } from '../app-definition';
import { describeJsonFault, findJsonFault, withoutByteOrderMark, type JsonLimits } from './json-scan';

/** No form of any contract comes near; free objects are limited to 64 KiB or less, which hold at most 10,000 keys. */
export const MAX_KEYS_PER_OBJECT = 10_000;
export const MAX_KEYS = 100_000;

type JsonRules = Pick<HttpRules<never>, 'maxJsonDepth' | 'emptyJsonBody' | 'nonObjectBody' | 'deepJson'>;

/** Words that the JSON parser uses for broken input, without the input itself. */
function reasonOf(error: unknown, length: number): string {
  const message = error instanceof Error ? error.message : '';
  const position = /at position (\d+)/.exec(message)?.[1];
  if (/end of (JSON )?input|Unterminated/i.test(message) || Number(position) >= length) return 'unexpected end of input';
  return position === undefined ? 'not valid JSON' : `unexpected character at position ${position}`;
}

/** Bytes of a JSON text to a value, or the error that names what is wrong with it. */
function parseChecked(bytes: Buffer, limits: JsonLimits, rules: Pick<JsonRules, 'deepJson'>): unknown {
  if (!isUtf8(bytes)) throw new AppError('malformed_json', { message: 'Invalid JSON: the body is not UTF-8' });
  const fault = findJsonFault(bytes, limits);
  if (fault?.kind === 'poisoned') {
    throw new AppError('malformed_json', { message: 'Invalid JSON: the keys __proto__ and constructor.prototype are not allowed' });
  }
  if (fault) {
    const problem = describeJsonFault(fault);
    const code = fault.kind === 'too_deep' ? rules.deepJson : 'validation_failed';
    throw new AppError(code, { message: `${problem.field} ${problem.message}`, problems: [problem] });
  }
  const text = bytes.toString('utf8');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AppError('malformed_json', { message: `Invalid JSON: ${reasonOf(error, text.length)}` });
  }
}

/**
 * Bytes of a JSON body to an object. A byte-order mark before it is ignored.
 * @param maxKeys of the whole body and of each object in it; default 100,000 and 10,000
 * @throws AppError `malformed_json` or `validation_failed`, as the app's contract says.
 */
export function parseJsonBody(received: Buffer, rules: JsonRules, maxKeys?: number): object {
  const bytes = withoutByteOrderMark(received);
  if (bytes.length === 0) {
    if (rules.emptyJsonBody === 'object') return {};
    throw new AppError('malformed_json', { message: 'Invalid JSON: unexpected end of input' });
  }
  const limits = { depth: rules.maxJsonDepth, keysPerObject: maxKeys ?? MAX_KEYS_PER_OBJECT, keys: maxKeys ?? MAX_KEYS, refusePoison: true };
  const value = parseChecked(bytes, limits, rules);
  if (!isJsonObject(value)) {
    const message = 'must be a JSON object';
    throw new AppError(rules.nonObjectBody, { message: `body ${message}`, problems: [{ field: 'body', message }] });
  }
  return value;
}

import { isUtf8 } from 'node:buffer';
import { isJsonObject } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import type { HttpRules } from '../app-definition';

/** True when no `[` or `{` outside strings is nested deeper than the limit; one pass, no recursion. */
export function isWithinDepth(text: Uint8Array, limit: number): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if (c === 0x5b || c === 0x7b) {
      if (++depth > limit) return false;
    } else if (c === 0x5d || c === 0x7d) depth--;
  }
  return true;
}

/** True when a key `__proto__`, or `constructor` with a `prototype` below it, is anywhere in the value. */
export function isPoisoned(value: unknown): boolean {
  const stack: unknown[] = [value];
  while (stack.length > 0) {
    const item = stack.pop();
    if (typeof item !== 'object' || item === null) continue;
    if (Object.hasOwn(item, '__proto__')) return true;
    const constructor: unknown = Object.getOwnPropertyDescriptor(item, 'constructor')?.value;
    if (typeof constructor === 'object' && constructor !== null && Object.hasOwn(constructor, 'prototype')) return true;
    for (const child of Object.values(item)) if (typeof child === 'object') stack.push(child);
  }
  return false;
}

type JsonRules = Pick<HttpRules<never>, 'maxJsonDepth' | 'emptyJsonBody' | 'nonObjectBody' | 'deepJson'>;

/** Words that the JSON parser uses for broken input, without the input itself. */
function reasonOf(error: unknown, length: number): string {
  const message = error instanceof Error ? error.message : '';
  const position = /at position (\d+)/.exec(message)?.[1];
  if (/end of (JSON )?input|Unterminated/i.test(message) || Number(position) >= length) return 'unexpected end of input';
  return position === undefined ? 'not valid JSON' : `unexpected character at position ${position}`;
}

/**
 * Bytes of a JSON body to an object.
 * @throws AppError `malformed_json` or `validation_failed`, as the app's contract says.
 */
export function parseJsonBody(bytes: Buffer, rules: JsonRules): object {
  if (bytes.length === 0) {
    if (rules.emptyJsonBody === 'object') return {};
    throw new AppError('malformed_json', { message: 'Invalid JSON: unexpected end of input' });
  }
  if (!isUtf8(bytes)) throw new AppError('malformed_json', { message: 'Invalid JSON: the body is not UTF-8' });
  if (!isWithinDepth(bytes, rules.maxJsonDepth)) {
    const message = `must not be nested deeper than ${rules.maxJsonDepth} levels`;
    throw new AppError(rules.deepJson, { message: `body ${message}`, problems: [{ field: 'body', message }] });
  }
  const text = bytes.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new AppError('malformed_json', { message: `Invalid JSON: ${reasonOf(error, text.length)}` });
  }
  if (!isJsonObject(value)) {
    const message = 'must be a JSON object';
    throw new AppError(rules.nonObjectBody, { message: `body ${message}`, problems: [{ field: 'body', message }] });
  }
  if (isPoisoned(value)) {
    throw new AppError('malformed_json', { message: 'Invalid JSON: the keys __proto__ and constructor.prototype are not allowed' });
  }
  return value;
}

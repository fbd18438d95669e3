import { readVpsTime } from '@agentfleet/contracts';
import { validationFailed } from '@agentfleet/platform';

/** One query parameter: absent (`undefined`) or given exactly once. */
function single(query: unknown, name: string): string | undefined {
  if (typeof query !== 'object' || query === null || !Object.hasOwn(query, name)) return undefined;
  const value: unknown = Object.getOwnPropertyDescriptor(query, name)?.value;
  if (typeof value !== 'string') throw validationFailed([{ field: name, message: 'must be given once' }]);
  return value;
}

/** A whole decimal number. @throws AppError `validation_failed` */
export function queryInteger(query: unknown, name: string, min: number, max: number): number | null {
  const text = single(query, name);
  if (text === undefined) return null;
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw validationFailed([{ field: name, message: `must be a whole number from ${min} to ${max}` }]);
}

export function queryText(query: unknown, name: string): string | null {
  return single(query, name) ?? null;
}

/** One of some words. @throws AppError `validation_failed` */
export function queryOneOf<C extends string>(query: unknown, name: string, choices: readonly C[]): C | null {
  const text = single(query, name);
  if (text === undefined) return null;
  const chosen = choices.find((choice) => choice === text);
  if (chosen !== undefined) return chosen;
  throw validationFailed([{ field: name, message: `must be one of ${choices.join(', ')}` }]);
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

/** @throws AppError `validation_failed` */
export function queryTime(query: unknown, name: string): Date | null {
  const text = single(query, name);
  if (text === undefined) return null;
  // a "+" of the zone that was not percent-encoded arrives as a space
  const whole = text.replace(' ', '+');
  const ms = RFC3339.test(whole) ? readVpsTime(whole) : null;
  if (ms !== null) return new Date(ms);
  throw validationFailed([{ field: name, message: 'must be a time such as 2026-02-18T21:30:00.000Z' }]);
}

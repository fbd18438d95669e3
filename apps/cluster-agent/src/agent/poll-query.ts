import type { ClusterParsed } from '@agentfleet/contracts';
import type { FieldProblem } from '@agentfleet/errors';

export interface PollQuery {
  readonly waitMs: number;
  readonly max: number;
}

/** `wait_seconds` 0 to 30 (0), `max` 1 to 50 (10). */
export function parsePollQuery(query: Readonly<Record<string, unknown>>): ClusterParsed<PollQuery> {
  const problems: FieldProblem[] = [];
  const whole = (field: string, min: number, max: number, otherwise: number): number => {
    const value = query[field];
    if (value === undefined) return otherwise;
    const number = typeof value === 'string' && /^\d{1,6}$/.test(value) ? Number(value) : NaN;
    if (number >= min && number <= max) return number;
    problems.push({ field, message: `must be a whole number from ${min} to ${max}` });
    return otherwise;
  };
  const value = { waitMs: 1000 * whole('wait_seconds', 0, 30, 0), max: whole('max', 1, 50, 10) };
  return problems.length === 0 ? { ok: true, value } : { ok: false, problems };
}

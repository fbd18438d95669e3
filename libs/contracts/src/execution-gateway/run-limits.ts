import { defined, type FieldReader } from '../platform/field-reader';
import type { JsonValue } from '../platform/json';
import type { RunLimits } from './usage';

/** `limits` of a session or a run, each of its fields checked. */
export function readRunLimits(fields: FieldReader): RunLimits | undefined {
  return fields.nested('limits', (limits) =>
    defined({
      max_iterations: limits.integer('max_iterations', 1, 1000),
      max_tokens: limits.integer('max_tokens', 1, Number.MAX_SAFE_INTEGER),
      max_seconds: limits.integer('max_seconds', 1, 86_400),
      max_cost_usd: limits.value('max_cost_usd', 'must be a number above 0', isAboveZero),
    }),
  );
}

function isAboveZero(value: JsonValue): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

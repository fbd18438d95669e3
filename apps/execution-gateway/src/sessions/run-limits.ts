import type { RunLimits } from '@agentfleet/contracts';

/** Of sessions that set none. */
export const DEFAULT_RUN_LIMITS = { max_iterations: 25, max_seconds: 1800 };

/** The stricter of session and request; the ceiling of the server counts in any case. */
export function strictestLimits(session: RunLimits, request: RunLimits & { readonly own: number | undefined }, ceiling: number): RunLimits & { readonly max_iterations: number } {
  const iterations = [session.max_iterations ?? DEFAULT_RUN_LIMITS.max_iterations, request.max_iterations, request.own, ceiling];
  const seconds = [session.max_seconds ?? DEFAULT_RUN_LIMITS.max_seconds, request.max_seconds];
  const tokens = [session.max_tokens, request.max_tokens].filter((limit) => limit !== undefined);
  return { max_iterations: least(iterations), max_seconds: least(seconds), ...(tokens.length === 0 ? {} : { max_tokens: Math.min(...tokens) }) };
}

function least(limits: readonly (number | undefined)[]): number {
  return Math.min(...limits.filter((limit) => limit !== undefined));
}

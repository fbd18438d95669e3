/**
 * The breaker of one agent. Routing looks at nothing else. Times are milliseconds since 1970.
 * `cooldownMs` is the cool-down now in force; it doubles with each failed trial.
 */
export type Circuit =
  | { readonly state: 'closed' }
  | { readonly state: 'open'; readonly openedAtMs: number; readonly retryAtMs: number; readonly cooldownMs: number }
  | {
      readonly state: 'half_open';
      readonly openedAtMs: number;
      readonly retryAtMs: number;
      readonly cooldownMs: number;
      /** Until then the trial belongs to the call that claimed it; afterwards its claimant counts as dead. */
      readonly claimUntilMs: number;
    };

export type CircuitState = Circuit['state'];

export const CLOSED: Circuit = { state: 'closed' };

export interface CircuitSettings {
  /** Consecutive counted failures that open the circuit. */
  readonly failures: number;
  readonly cooldownMs: number;
  readonly cooldownMaxMs: number;
  /** A 429 whose Retry-After exceeds this opens the circuit at once. */
  readonly retryAfterMaxMs: number;
}

/**
 * How a call came to try an agent: its circuit was closed, the call claimed the trial of an open one, or all circuits of
 * the chain were open and it was tried nevertheless.
 */
export type Route = 'normal' | 'trial' | 'forced';

/** What the circuit says to a call that comes by in chain order: go, claim the trial first, or skip this agent. */
export type Admission = 'go' | 'claim' | 'skip';

export function admissionOf(circuit: Circuit, nowMs: number): Admission {
  switch (circuit.state) {
    case 'closed':
      return 'go';
    case 'open':
      return nowMs >= circuit.retryAtMs ? 'claim' : 'skip';
    case 'half_open':
      return nowMs > circuit.claimUntilMs ? 'claim' : 'skip';
  }
}

/** The circuit once a call has claimed the trial. Only for circuits whose admission is `claim`. */
export function claimTrial(circuit: Circuit, nowMs: number, claimMs: number): Circuit {
  if (circuit.state === 'closed') return circuit;
  const { openedAtMs, retryAtMs, cooldownMs } = circuit;
  return { state: 'half_open', openedAtMs, retryAtMs, cooldownMs, claimUntilMs: nowMs + claimMs };
}

export interface CountedFailure {
  readonly route: Route;
  /** Including this one. */
  readonly consecutiveFailures: number;
  /** True for HTTP 429. */
  readonly rateLimited: boolean;
  readonly retryAfterMs: number | null;
}

/** The circuit after a failure that counts. */
export function circuitAfterFailure(circuit: Circuit, failure: CountedFailure, nowMs: number, settings: CircuitSettings): Circuit {
  switch (circuit.state) {
    case 'closed':
      return openedBy(failure, nowMs, settings);
    case 'half_open': {
      const cooldownMs = Math.min(circuit.cooldownMs * 2, settings.cooldownMaxMs);
      return { state: 'open', openedAtMs: circuit.openedAtMs, retryAtMs: nowMs + cooldownMs, cooldownMs };
    }
    case 'open':
      // A straggler that began before the circuit opened says nothing new about it.
      if (failure.route === 'normal') return circuit;
      return { ...circuit, retryAtMs: Math.max(circuit.retryAtMs, nowMs + circuit.cooldownMs) };
  }
}

function openedBy(failure: CountedFailure, nowMs: number, settings: CircuitSettings): Circuit {
  const waits: number[] = [];
  if (failure.consecutiveFailures >= settings.failures) waits.push(settings.cooldownMs);
  if (failure.rateLimited && failure.retryAfterMs !== null && failure.retryAfterMs > settings.retryAfterMaxMs) {
    waits.push(Math.min(failure.retryAfterMs, settings.cooldownMaxMs));
  }
  if (waits.length === 0) return CLOSED;
  return { state: 'open', openedAtMs: nowMs, retryAtMs: nowMs + Math.max(...waits), cooldownMs: settings.cooldownMs };
}

/** The circuit after an outcome that says nothing about the agent: a trial gives its claim back. */
export function circuitAfterNeutral(circuit: Circuit, route: Route, nowMs: number): Circuit {
  return circuit.state === 'half_open' && route === 'trial' ? reopenedNow(circuit, nowMs) : circuit;
}

/** The circuit after a probe has reached the agent: the next call may try it. */
export function circuitAfterProbe(circuit: Circuit, nowMs: number): Circuit {
  return circuit.state === 'open' ? reopenedNow(circuit, nowMs) : circuit;
}

function reopenedNow(circuit: Exclude<Circuit, { state: 'closed' }>, nowMs: number): Circuit {
  return { state: 'open', openedAtMs: circuit.openedAtMs, retryAtMs: nowMs, cooldownMs: circuit.cooldownMs };
}

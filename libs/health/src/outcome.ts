import { unreachable, type Failure } from '@agentfleet/errors';
import { CLOSED, circuitAfterFailure, circuitAfterNeutral, circuitAfterProbe, type CircuitSettings, type Route } from '@agentfleet/resilience';
import { errorFields, type HealthState, type ProbeResult } from './health-state';

interface OutcomeBase {
  /** When the call began to try the agent. */
  readonly startedAtMs: number;
  readonly route: Route;
}

/** How one agent fared in one call, after its retries: exactly one outcome per agent and call. */
export type Outcome =
  | (OutcomeBase & { readonly kind: 'success'; readonly responseMs: number })
  | (OutcomeBase & { readonly kind: 'failure'; readonly failure: Failure; readonly retryAfterMs: number | null })
  /** Says nothing about the agent. */
  | (OutcomeBase & { readonly kind: 'neutral' });

/** The request's own fault: counting these would let one bad caller break an agent for all. */
const NEUTRAL_STATUSES: ReadonlySet<number | null> = new Set([400, 413, 422]);

/** Whether a failure says nothing about the agent. */
export function isNeutralFailure(failure: Failure): boolean {
  if (failure.errorCode === 'deadline_exceeded') return true;
  return failure.errorType === 'UNKNOWN' && NEUTRAL_STATUSES.has(failure.statusCode);
}

/** The outcome of a failed agent, neutral or counted. */
export function failureOutcome(base: OutcomeBase, failure: Failure, retryAfterMs: number | null): Outcome {
  if (isNeutralFailure(failure)) return { kind: 'neutral', startedAtMs: base.startedAtMs, route: base.route };
  return { kind: 'failure', startedAtMs: base.startedAtMs, route: base.route, failure, retryAfterMs };
}

/**
 * The record after an outcome. The same object comes back when nothing changes: a neutral outcome without a claim, or
 * an attempt that began before the record's epoch.
 */
export function applyOutcome(state: HealthState, outcome: Outcome, nowMs: number, settings: CircuitSettings): HealthState {
  if (outcome.startedAtMs < state.epochMs) return state;
  switch (outcome.kind) {
    case 'success':
      return {
        ...state,
        requests: state.requests + 1,
        consecutiveFailures: 0,
        consecutiveConnectionFailures: 0,
        reachedByProbe: false,
        totalResponseMs: state.totalResponseMs + outcome.responseMs,
        lastSuccessAtMs: Math.max(state.lastSuccessAtMs ?? 0, nowMs),
        circuit: CLOSED,
      };
    case 'failure':
      return afterFailure(state, outcome, nowMs, settings);
    case 'neutral': {
      const circuit = circuitAfterNeutral(state.circuit, outcome.route, nowMs);
      return circuit === state.circuit ? state : { ...state, circuit };
    }
    default:
      return unreachable(outcome);
  }
}

function afterFailure(
  state: HealthState,
  { failure, route, retryAfterMs }: Extract<Outcome, { kind: 'failure' }>,
  nowMs: number,
  settings: CircuitSettings,
): HealthState {
  const consecutiveFailures = state.consecutiveFailures + 1;
  const counted = { route, consecutiveFailures, rateLimited: failure.errorType === 'RATE_LIMIT', retryAfterMs };
  return {
    ...state,
    ...errorFields(failure, nowMs),
    requests: state.requests + 1,
    failures: state.failures + 1,
    consecutiveFailures,
    consecutiveConnectionFailures: failure.errorType === 'CONNECTION' ? state.consecutiveConnectionFailures + 1 : 0,
    reachedByProbe: false,
    circuit: circuitAfterFailure(state.circuit, counted, nowMs, settings),
  };
}

/** The record after a probe. Counters stay; an agent that was reached may be tried by the next call. */
export function applyProbe(state: HealthState, probe: ProbeResult): HealthState {
  if (!probe.reached) return { ...state, lastProbe: probe };
  return { ...state, lastProbe: probe, reachedByProbe: true, circuit: circuitAfterProbe(state.circuit, probe.atMs) };
}

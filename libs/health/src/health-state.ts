import { failureText, type Failure, type FailureKind } from '@agentfleet/errors';
import { CLOSED, type Circuit } from '@agentfleet/resilience';

/** What a probe of an unreachable agent last saw. */
export interface ProbeResult {
  readonly atMs: number;
  readonly reached: boolean;
  readonly statusCode: number | null;
  readonly errorCode: string | null;
}

/**
 * The health of one agent as it is stored; times are milliseconds since 1970. Counters are for life, until a reset.
 * Status and rates are computed from it and never stored, and nothing in it changes with the clock alone.
 */
export interface HealthState {
  /**
   * The moment from which outcomes count: registration, the last reset or the last change of address. An attempt that
   * began before it spoke of a record that is gone.
   */
  readonly epochMs: number;
  readonly requests: number;
  readonly failures: number;
  readonly consecutiveFailures: number;
  /** How many of the last counted outcomes, without a break, were CONNECTION failures. */
  readonly consecutiveConnectionFailures: number;
  /** A probe has reached the agent since the last counted outcome. */
  readonly reachedByProbe: boolean;
  /** Sum over successful calls. */
  readonly totalResponseMs: number;
  readonly lastError: string | null;
  readonly lastErrorType: FailureKind | null;
  readonly lastErrorAtMs: number | null;
  readonly lastSuccessAtMs: number | null;
  readonly circuit: Circuit;
  readonly lastProbe: ProbeResult | null;
}

/** The record of a new or reset agent. */
export function newHealth(epochMs: number): HealthState {
  return {
    epochMs,
    requests: 0,
    failures: 0,
    consecutiveFailures: 0,
    consecutiveConnectionFailures: 0,
    reachedByProbe: false,
    totalResponseMs: 0,
    lastError: null,
    lastErrorType: null,
    lastErrorAtMs: null,
    lastSuccessAtMs: null,
    circuit: CLOSED,
    lastProbe: null,
  };
}

/** The same counters for another machine: what was said about failures in a row spoke of the old address. */
export function atNewAddress(state: HealthState, nowMs: number): HealthState {
  return { ...state, epochMs: nowMs, consecutiveFailures: 0, consecutiveConnectionFailures: 0, reachedByProbe: false, circuit: CLOSED };
}

export const HEALTH_STATUSES = ['healthy', 'degraded', 'unhealthy', 'unreachable'] as const;
export type HealthStatus = (typeof HEALTH_STATUSES)[number];

const MANY_IN_A_ROW = 3;
/** So many CONNECTION failures in a row make an agent unreachable. */
export const UNREACHABLE_IN_A_ROW = 5;
const POOR_RATE = 50;

/** The status for people (contract vps-bridge section 7), by the counters alone. Routing never looks at it. */
export function statusOf(state: HealthState): HealthStatus {
  const { consecutiveFailures } = state;
  if (state.consecutiveConnectionFailures >= UNREACHABLE_IN_A_ROW && !state.reachedByProbe) return 'unreachable';
  if (consecutiveFailures >= MANY_IN_A_ROW && state.reachedByProbe) return 'degraded';
  if (consecutiveFailures >= MANY_IN_A_ROW) return 'unhealthy';
  if (consecutiveFailures >= 1) return successRate(state) < POOR_RATE ? 'unhealthy' : 'degraded';
  return 'healthy';
}

/** 0 to 100, two decimals; 100 without requests. */
export function successRate(state: Pick<HealthState, 'requests' | 'failures'>): number {
  if (state.requests === 0) return 100;
  return round2((100 * (state.requests - state.failures)) / state.requests);
}

/** Mean over successful calls in milliseconds, two decimals; 0 without any. */
export function averageResponseMs(state: HealthState): number {
  const successes = state.requests - state.failures;
  return successes === 0 ? 0 : round2(state.totalResponseMs / successes);
}

export function round2(value: number): number {
  return Math.round(value * 100) / 100;
}

export function errorFields(failure: Failure, nowMs: number): Pick<HealthState, 'lastError' | 'lastErrorType' | 'lastErrorAtMs'> {
  return { lastError: failureText(failure), lastErrorType: failure.errorType, lastErrorAtMs: nowMs };
}

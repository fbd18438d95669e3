export { HEALTH_STATUSES, UNREACHABLE_IN_A_ROW, atNewAddress, averageResponseMs, newHealth, statusOf, successRate } from './health-state';
export type { HealthState, HealthStatus, ProbeResult } from './health-state';
export { applyOutcome, applyProbe, failureOutcome, isNeutralFailure } from './outcome';
export type { Outcome } from './outcome';
export { summarise } from './summary';
export type { FleetStatus, HealthSummary } from './summary';

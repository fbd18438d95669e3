import { applyOutcome, statusOf, type HealthState, type Outcome } from '@agentfleet/health';
import type { CircuitSettings } from '@agentfleet/resilience';
import type { StoredHealth } from './health.repository';

/** An outcome that this replica has seen and not written yet. */
export interface WaitingOutcome {
  /** Of this replica; each later one has a higher number. */
  readonly number: number;
  readonly atMs: number;
  readonly outcome: Outcome;
}

/** A step on the way from one state to another that somebody may want to know of. */
export interface HealthChange {
  readonly before: HealthState;
  readonly after: HealthState;
  readonly atMs: number;
}

/** How far a replica's outcomes are in a record. */
export interface CountedUpTo {
  readonly replica: string;
  readonly number: number;
}

/** So many replicas may write one agent's record in turn before the mark of the first of them is forgotten. */
const MARKS = 16;

/** The number of the last outcome of this replica that is in the record, 0 for none. */
export function countedUpTo({ counted }: StoredHealth, replica: string): number {
  return counted.find((mark) => mark.replica === replica)?.number ?? 0;
}

export function withMark({ counted }: StoredHealth, mark: CountedUpTo): readonly CountedUpTo[] {
  return [mark, ...counted.filter(({ replica }) => replica !== mark.replica)].slice(0, MARKS);
}

/**
 * A record with what waits here on top; outcomes that it has already are not counted again.
 * @returns its state then (the same object when nothing changes it), and the steps to it that changed status or circuit.
 */
export function withWaiting(stored: StoredHealth, replica: string, waiting: readonly WaitingOutcome[], settings: CircuitSettings): { readonly state: HealthState; readonly changes: readonly HealthChange[] } {
  const from = countedUpTo(stored, replica);
  const changes: HealthChange[] = [];
  let { state } = stored;
  for (const { number, atMs, outcome } of waiting) {
    if (number <= from) continue;
    const before = state;
    state = applyOutcome(before, outcome, atMs, settings);
    if (statusOf(state) !== statusOf(before) || state.circuit.state !== before.circuit.state) changes.push({ before, after: state, atMs });
  }
  return { state, changes };
}

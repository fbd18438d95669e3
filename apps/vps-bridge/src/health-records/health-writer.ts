import { HEALTH_STATUSES, applyOutcome, statusOf, type HealthState, type Outcome } from '@agentfleet/health';
import { Bus, CLOCK, ENV, Lifecycle, Metrics, REPLICA, type Clock, type RecurringWork, type Replica } from '@agentfleet/platform';
import type { CircuitSettings } from '@agentfleet/resilience';
import { Inject, Injectable } from '@nestjs/common';
import type { VpsBridgeEnv } from '../env';
import { circuitSettings } from './circuit-settings';
import { healthChangedNotice } from './health-notice';
import { HealthRepository, type StoredHealth } from './health.repository';
import { countedUpTo, withMark, withWaiting, type HealthChange, type WaitingOutcome } from './waiting-outcomes';

/** Outcomes of one agent that wait, and the newest record that is known here. */
interface Waiting {
  stored: StoredHealth;
  outcomes: WaitingOutcome[];
  /** Writes of which it is not known whether they are in the record: under way, or never answered. */
  undecided: readonly Write[];
}

/** All that waits for one agent, counted into its record. */
interface Write {
  readonly waiting: Waiting;
  readonly upTo: number;
  readonly after: StoredHealth;
  readonly changes: readonly HealthChange[];
}

/** With the write that may be under way when the time comes, outcomes are stored within 250 ms. */
const FLUSH_MS = 100;
/** A write that is not answered by then is made again, which does no harm. */
const HUNG_AFTER_MS = 5000;
/** Without storage no further call begins, so that no more than the calls in flight ever wait; this is for the case that one does. */
const MAX_WAITING_PER_AGENT = 10_000;

/**
 * Counts how agents fare: at once in this replica, in the records of all replicas a moment later, and there exactly once. What
 * waits is computed into a record and written over the version that it was computed from; whoever meets a newer one counts his on
 * top of that. Each record says how far every replica's outcomes are in it, so that a write whose answer was lost is not repeated.
 */
@Injectable()
export class HealthWriter {
  private readonly waiting = new Map<string, Waiting>();
  private readonly settings: CircuitSettings;
  private readonly transitions;
  private readonly writing: RecurringWork;
  private lastNumber = 0;
  private onStored: (stored: StoredHealth) => void = () => undefined;

  constructor(
    @Inject(ENV) env: VpsBridgeEnv,
    @Inject(REPLICA) private readonly replica: Replica,
    private readonly repository: HealthRepository,
    private readonly bus: Bus,
    @Inject(CLOCK) private readonly clock: Clock,
    lifecycle: Lifecycle,
    metrics: Metrics,
  ) {
    this.settings = circuitSettings(env);
    this.writing = lifecycle.every('health of agents', FLUSH_MS, () => this.write(), { during: 'always', lastRun: true, hungAfterMs: HUNG_AFTER_MS });
    metrics.gauge({
      name: 'vps_agents',
      help: 'Registered agents of all organizations',
      labelNames: ['status'],
      collect: async (gauge) => {
        const states = await repository.listAllStates().catch(() => null);
        if (states === null) return; // storage is away: the last known numbers stay
        const statuses = states.map(statusOf);
        for (const status of HEALTH_STATUSES) gauge.set({ status }, statuses.filter((one) => one === status).length);
      },
    });
    this.transitions = metrics.counter({ name: 'vps_circuit_transitions_total', help: 'Changes of a circuit, by its new state', labelNames: ['to'] });
  }

  /** Hears of every record that this replica has replaced. */
  onReplaced(listener: (stored: StoredHealth) => void): void {
    this.onStored = listener;
  }

  /** A record's state as this replica sees it, with what waits here. */
  seenHere(stored: StoredHealth): HealthState {
    const waiting = this.waiting.get(stored.agentId);
    return waiting === undefined ? stored.state : withWaiting(stored, this.replica.id, waiting.outcomes, this.settings).state;
  }

  /**
   * Counts an outcome; nobody waits until it is stored.
   * @param stored the newest record that is known here.
   * @param state as `seenHere` gives it.
   * @returns the state after the outcome.
   */
  count(stored: StoredHealth, state: HealthState, outcome: Outcome): HealthState {
    const atMs = this.clock.now();
    const after = applyOutcome(state, outcome, atMs, this.settings);
    if (after === state) return state; // neutral
    this.add(stored, { number: ++this.lastNumber, atMs, outcome });
    if (after.circuit.state !== state.circuit.state) void this.flush(); // the other replicas route by it
    return after;
  }

  /** Writes what waits now; never rejects: what could not be stored is tried again. */
  flush(): Promise<void> {
    return this.writing.run();
  }

  /** A record was replaced: this replica goes on with it, and everybody is notified of what changed. */
  replaced(after: StoredHealth, changes: readonly HealthChange[]): void {
    this.onStored(after);
    this.announce(after, changes);
  }

  private add(stored: StoredHealth, outcome: WaitingOutcome): void {
    const waiting = this.waiting.get(stored.agentId);
    if (waiting === undefined) {
      this.waiting.set(stored.agentId, { stored, outcomes: [outcome], undecided: [] });
    } else if (waiting.outcomes.length < MAX_WAITING_PER_AGENT) {
      waiting.stored = stored;
      waiting.outcomes.push(outcome);
    }
  }

  private async write(): Promise<void> {
    for (let left = [...this.waiting.values()]; left.length > 0; ) {
      const writes = left.flatMap((waiting) => this.writeOf(waiting) ?? []);
      const replaced = await this.repository.replaceMany(writes.map(({ after }) => after));
      if (replaced === writes.length) return writes.forEach(({ waiting, after }) => this.learn(waiting, after));
      left = await this.lookAgain(writes);
    }
  }

  /** Undefined when nothing that waits changes the record. */
  private writeOf(waiting: Waiting): Write | undefined {
    this.decide(waiting);
    const { stored, outcomes } = waiting;
    const { state, changes } = withWaiting(stored, this.replica.id, outcomes, this.settings);
    const upTo = outcomes.at(-1)?.number ?? 0;
    if (state === stored.state) {
      this.forget(waiting, upTo);
      return undefined;
    }
    const after = { ...stored, version: stored.version + 1, state, counted: withMark(stored, { replica: this.replica.id, number: upTo }) };
    const write = { waiting, upTo, after, changes };
    // tried again while storage is away, it is the same write
    waiting.undecided = [...waiting.undecided.filter((one) => one.upTo !== upTo || one.after.version !== after.version), write];
    return write;
  }

  /** Another replica was faster with some of the records. @returns what has to be written again. */
  private async lookAgain(writes: readonly Write[]): Promise<Waiting[]> {
    const found = await this.repository.findMany(writes.map(({ after }) => after.agentId));
    return writes.flatMap(({ waiting, upTo, after: { agentId } }) => {
      const stored = found.get(agentId);
      if (stored === undefined) this.waiting.delete(agentId); // removed meanwhile: an outcome must not bring it back
      else this.learn(waiting, stored);
      return stored !== undefined && countedUpTo(stored, this.replica.id) < upTo ? waiting : [];
    });
  }

  private learn(waiting: Waiting, stored: StoredHealth): void {
    waiting.stored = stored;
    this.forget(waiting, countedUpTo(stored, this.replica.id));
    this.onStored(stored);
    this.decide(waiting);
  }

  /** Of writes over one version at most one is in the record: the one up to whose last outcome it has counted. Its changes are told now. */
  private decide(waiting: Waiting): void {
    const { stored, undecided } = waiting;
    const decided = undecided.filter(({ after }) => after.version <= stored.version);
    if (decided.length === 0) return;
    waiting.undecided = undecided.filter(({ after }) => after.version > stored.version);
    const counted = countedUpTo(stored, this.replica.id);
    const made = decided.find(({ upTo }) => upTo === counted);
    if (made !== undefined) this.announce(made.after, made.changes);
  }

  private forget(waiting: Waiting, upTo: number): void {
    waiting.outcomes = waiting.outcomes.filter(({ number }) => number > upTo);
    const { agentId } = waiting.stored;
    if (waiting.outcomes.length === 0 && this.waiting.get(agentId) === waiting) this.waiting.delete(agentId);
  }

  private announce(stored: StoredHealth, changes: readonly HealthChange[]): void {
    for (const { before, after, atMs } of changes) {
      if (after.circuit.state !== before.circuit.state) this.transitions.inc({ to: after.circuit.state });
      const notice = healthChangedNotice({ ...stored, state: after }, before, atMs);
      if (notice !== null) this.bus.notify('vps.health.changed', notice);
    }
  }
}

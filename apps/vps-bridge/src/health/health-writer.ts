import { HEALTH_STATUSES, applyOutcome, statusOf, type HealthState, type Outcome } from '@agentfleet/health';
import { Bus, CLOCK, ENV, Metrics, type Clock } from '@agentfleet/platform';
import { admissionOf, claimTrial, type CircuitSettings } from '@agentfleet/resilience';
import { Inject, Injectable } from '@nestjs/common';
import { AgentDirectory, type KnownAgent } from '../agents/agent-directory';
import type { VpsBridgeEnv } from '../env';
import { healthChangedNotice } from '../health-records/health-notice';
import { HealthRepository, type StoredHealth, type SuccessSum } from '../health-records/health.repository';

/** How one agent fared in one call. */
export interface AgentOutcome {
  readonly known: KnownAgent;
  readonly outcome: Outcome;
}

/** Runs one write, again while storage is away. */
export type Persist = (write: () => Promise<void>) => Promise<void>;

/** A claim outlives the trial's own time by this much; then its claimant counts as dead. */
const CLAIM_MARGIN_MS = 5000;

/** Brings outcomes and claims into the records of all replicas, each exactly once. */
@Injectable()
export class HealthWriter {
  readonly settings: CircuitSettings;
  private readonly transitions;

  constructor(
    @Inject(ENV) env: VpsBridgeEnv,
    private readonly repository: HealthRepository,
    private readonly directory: AgentDirectory,
    private readonly bus: Bus,
    @Inject(CLOCK) private readonly clock: Clock,
    metrics: Metrics,
  ) {
    this.settings = {
      failures: env.VPS_CIRCUIT_FAILURES,
      cooldownMs: env.VPS_CIRCUIT_COOLDOWN_MS,
      cooldownMaxMs: env.VPS_CIRCUIT_COOLDOWN_MAX_MS,
      retryAfterMaxMs: env.VPS_RETRY_AFTER_MAX_MS,
    };
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

  /**
   * Writes the outcomes of many calls, summed per agent. Successes of healthy agents only add up and go in one bulk write;
   * everything that may move a circuit is computed by the core and written over the version that it was computed from.
   */
  async write(outcomes: readonly AgentOutcome[], persist: Persist): Promise<void> {
    const sums: SuccessSum[] = [];
    const writes: Promise<void>[] = [];
    for (const group of groupByAgent(outcomes)) {
      const sum = this.sumOf(group);
      if (sum !== null) sums.push(sum);
      else writes.push(persist(() => this.applyGroup(group)));
    }
    if (sums.length > 0) writes.push(persist(() => this.repository.addSuccesses(sums)));
    await Promise.all(writes);
  }

  /** Tries to claim the trial of an open circuit; of all replicas and calls one gets it. */
  async claim(known: KnownAgent): Promise<'normal' | 'trial' | 'skip'> {
    for (;;) {
      const { health } = known;
      const nowMs = this.clock.now();
      const admission = admissionOf(health.state.circuit, nowMs);
      if (admission !== 'claim') return admission === 'go' ? 'normal' : 'skip';
      const claimMs = known.agent.timeoutSeconds * 1000 + CLAIM_MARGIN_MS;
      const state = { ...health.state, circuit: claimTrial(health.state.circuit, nowMs, claimMs) };
      if (await this.repository.replaceIf(health.agentId, health.version, state)) {
        this.apply(known, { ...health, version: health.version + 1, state }, health.state);
        return 'trial';
      }
      const fresh = await this.repository.findById(health.agentId);
      if (fresh === null) return 'skip';
      this.learn(known, fresh);
    }
  }

  /** A record was replaced: this replica goes on with it, and everybody is notified of what changed. */
  apply(known: KnownAgent, after: StoredHealth, before: HealthState): void {
    this.learn(known, after);
    const circuit = after.state.circuit.state;
    if (circuit !== before.circuit.state) this.transitions.inc({ to: circuit });
    const notice = healthChangedNotice(after, before, this.clock.now());
    if (notice !== null) this.bus.notify('vps.health.changed', notice);
  }

  /** The sum when the group is nothing but successes of an agent that was healthy as far as we know. */
  private sumOf(group: readonly AgentOutcome[]): SuccessSum | null {
    const known = group[0]?.known;
    if (known === undefined) return null;
    const { state, agentId, version } = known.health;
    if (state.circuit.state !== 'closed' || state.consecutiveFailures > 0) return null;
    const nowMs = this.clock.now();
    let totalResponseMs = 0;
    let startedAtMs = Infinity;
    for (const { outcome } of group) {
      if (outcome.kind !== 'success' || outcome.startedAtMs < state.epochMs) return null;
      totalResponseMs += outcome.responseMs;
      startedAtMs = Math.min(startedAtMs, outcome.startedAtMs);
    }
    this.learn(known, { ...known.health, version: version + 1, state: this.fold(state, group, nowMs) });
    return { agentId, count: group.length, totalResponseMs, startedAtMs, lastSuccessAtMs: nowMs };
  }

  private async applyGroup(group: readonly AgentOutcome[]): Promise<void> {
    const known = group[0]?.known;
    if (known === undefined) return;
    for (let health = known.health; ; ) {
      const state = this.fold(health.state, group, this.clock.now());
      if (state === health.state) return; // nothing but neutral outcomes
      if (await this.repository.replaceIf(health.agentId, health.version, state)) {
        this.apply(known, { ...health, version: health.version + 1, state }, health.state);
        return;
      }
      const fresh = await this.repository.findById(health.agentId);
      if (fresh === null) return; // removed meanwhile: the outcome must not bring it back
      health = fresh;
    }
  }

  private fold(state: HealthState, group: readonly AgentOutcome[], nowMs: number): HealthState {
    return group.reduce((before, { outcome }) => applyOutcome(before, outcome, nowMs, this.settings), state);
  }

  private learn(known: KnownAgent, health: StoredHealth): void {
    known.health = health;
    this.directory.learn(health);
  }
}

function groupByAgent(outcomes: readonly AgentOutcome[]): Iterable<readonly AgentOutcome[]> {
  const groups = new Map<string, AgentOutcome[]>();
  for (const one of outcomes) {
    const group = groups.get(one.known.agent.id);
    if (group) group.push(one);
    else groups.set(one.known.agent.id, [one]);
  }
  return groups.values();
}

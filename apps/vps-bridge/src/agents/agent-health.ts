import type { Outcome } from '@agentfleet/health';
import { CLOCK, inTime, type Clock } from '@agentfleet/platform';
import { admissionOf, claimTrial } from '@agentfleet/resilience';
import { Inject, Injectable } from '@nestjs/common';
import { HealthRepository } from '../health-records/health.repository';
import { HealthWriter } from '../health-records/health-writer';
import { AgentDirectory, type KnownAgent } from './agent-directory';

/** A claim outlives the trial's own time by this much; then its claimant counts as dead. */
const CLAIM_MARGIN_MS = 5000;
/** A call does not wait longer than this for what other calls counted. */
const FLUSH_LIMIT_MS = 1000;

/** What calls do to the health of the agents that they try. */
@Injectable()
export class AgentHealth {
  constructor(
    private readonly directory: AgentDirectory,
    private readonly repository: HealthRepository,
    private readonly writer: HealthWriter,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Counts how an agent fared in one call: here at once, in the records of all replicas a moment later. */
  count(known: KnownAgent, outcome: Outcome): void {
    const current = this.directory.currentOf(known);
    known.stored = current.stored;
    known.health = current.health = this.writer.count(current.stored, current.health, outcome);
  }

  /**
   * How a call may try an agent. Of all replicas and calls one gets the trial of an open circuit.
   * @throws what MongoDB says of the claim
   */
  async admit(known: KnownAgent): Promise<'normal' | 'trial' | 'skip'> {
    const seen = admissionOf(this.directory.currentOf(known).health.circuit, this.clock.now());
    if (seen !== 'claim') return seen === 'go' ? 'normal' : 'skip';
    try {
      await inTime(this.writer.flush(), FLUSH_LIMIT_MS); // the claim is made over the record, and what waits comes before it
    } catch {
      return 'skip'; // storage hangs: no trial without a claim
    }
    for (;;) {
      const { stored } = this.directory.currentOf(known);
      const nowMs = this.clock.now();
      const admission = admissionOf(stored.state.circuit, nowMs);
      if (admission !== 'claim') return admission === 'go' ? 'normal' : 'skip';
      const claimMs = known.agent.timeoutSeconds * 1000 + CLAIM_MARGIN_MS;
      const after = { ...stored, version: stored.version + 1, state: { ...stored.state, circuit: claimTrial(stored.state.circuit, nowMs, claimMs) } };
      if (await this.repository.replaceIf(stored.agentId, stored.version, after.state)) {
        this.writer.replaced(after, [{ before: stored.state, after: after.state, atMs: nowMs }]);
        this.directory.learnOf(known, after);
        return 'trial';
      }
      const fresh = await this.repository.findById(stored.agentId);
      if (fresh === null) return 'skip';
      this.directory.learn(fresh);
      this.directory.learnOf(known, fresh);
    }
  }
}

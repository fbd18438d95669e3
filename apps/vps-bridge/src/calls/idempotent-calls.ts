import type { VpsKeptCallResult } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { CLOCK, REPLICA, asAppError, type Clock, type Replica } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { AgentDirectory } from '../agents/agent-directory';
import { CallMetrics } from '../metrics';
import { PromptStore } from './prompt-store';
import { CallLeases } from './records/call-leases';
import { finishedCall, identityOf, openCall, type Call } from './records/call-record';
import { CallRepository, type FinishedCall, type OpenCall } from './records/call.repository';
import type { CallDocument } from './records/call.schema';
import { RecordWriter } from './records/record-writer';
import { outcomeUnknownResult, refusedResult } from './records/unanswered';

/**
 * `new` is to be made, under the id of its record; `replay` is the record of the ended call that the idempotency key belongs
 * to.
 */
export type ClaimedCall =
  | { readonly kind: 'new'; readonly call: Call }
  | { readonly kind: 'replay'; readonly record: EndedCallDocument };

export type EndedCallDocument = CallDocument & { readonly result: VpsKeptCallResult };

const KEY_LIFE_MS = 24 * 3_600_000;

/**
 * Calls that act once: their records are made before they begin, so that none is forgotten or made twice. These are the calls with
 * an idempotency key, which the record claims, and all asynchronous ones.
 */
@Injectable()
export class IdempotentCalls {
  constructor(
    private readonly repository: CallRepository,
    private readonly records: RecordWriter,
    private readonly agents: AgentDirectory,
    private readonly leases: CallLeases,
    private readonly prompts: PromptStore,
    @Inject(REPLICA) private readonly replica: Replica,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly metrics: CallMetrics,
  ) {}

  /**
   * Makes the record; of simultaneous requests with one key exactly one gets `new`.
   * @throws AppError `idempotency_mismatch`, `call_in_progress` while the earlier call runs.
   */
  async claim(call: Call): Promise<ClaimedCall> {
    const { key, orgId } = call;
    const chain = await this.chainOf(call);
    for (;;) {
      if (await this.open(call, chain)) return { kind: 'new', call };
      const found = key === undefined ? null : await this.repository.findByKey(orgId, key.key);
      if (key === undefined || found === null) continue;
      const isOld = this.clock.now() - found.createdAt.getTime() > KEY_LIFE_MS;
      const isOther = found.requestHash !== key.hash;
      if ((isOld && found.open !== true) || (isOther && found.refused === true)) {
        await this.repository.freeKey(found._id);
        continue;
      }
      if (isOther) throw new AppError('idempotency_mismatch');
      if (found.refused === true) {
        const again = { ...call, callId: found._id, mayBeStored: true };
        if (await this.reopen(again, chain)) return { kind: 'new', call: again };
        continue;
      }
      if (found.result === null) throw new AppError('call_in_progress', { retryAfterSeconds: 1, extra: { call_id: found._id } });
      this.metrics.replays.inc();
      return { kind: 'replay', record: { ...found, result: found.result } };
    }
  }

  /** A claimed call has ended, with its record. */
  release({ callId }: Call): void {
    this.leases.remove(callId);
  }

  /**
   * A claimed call ended with an error. Refused before any agent was contacted, it leaves its key free. Where its prompt may
   * be in the session, its record stays, so that a repetition goes on with it instead of leaving the prompt twice; until
   * nothing of the prompt is on its way any more the call counts as running.
   */
  async fail(call: Call, error: unknown): Promise<void> {
    const leaving = this.prompts.leavingOf(call.callId);
    const recorded = this.recordFailure(call, asAppError(error)?.code, leaving).finally(() => this.release(call));
    if (leaving === undefined) await recorded; // else the client has waited long enough
  }

  private async recordFailure(call: Call, code: string | undefined, leaving: Promise<void> | undefined): Promise<void> {
    if (code === 'answer_not_stored' || code === 'draining') return; // its end is written by whoever threw that
    if (code === undefined) return this.records.finish(await this.unknown(call)); // a bug: nobody knows how far it came
    const mayBeStored = call.request.sessionId !== null && (code === 'storage_unavailable' || call.mayBeStored === true);
    if (!mayBeStored) return this.records.discard(call.callId);
    await leaving;
    await this.records.finish(this.refused(call, await this.chainOf(call).catch(() => [])));
  }

  /** As it is now; empty for an agent that nobody registered. */
  private async chainOf({ orgId, request }: Call): Promise<readonly string[]> {
    const known = await this.agents.find(orgId, request.agentName);
    return known === undefined ? [] : [known.agent.name, ...known.agent.fallbackAgents];
  }

  private async open(call: Call, chain: readonly string[]): Promise<boolean> {
    try {
      if (!(await this.repository.open(this.opening(call, chain)))) return false;
    } catch (error) {
      void this.records.discard(call.callId); // it may be there all the same: the answer did not come
      throw error;
    }
    this.leases.add(call.callId);
    return true;
  }

  private async reopen(call: Call, chain: readonly string[]): Promise<boolean> {
    try {
      if (!(await this.repository.reopen(this.opening(call, chain)))) return false;
    } catch (error) {
      void this.records.finish(this.refused(call, chain)); // it may be open all the same: the answer did not come
      throw error;
    }
    this.leases.add(call.callId);
    return true;
  }

  private opening(call: Call, chain: readonly string[]): OpenCall {
    return openCall(call, this.replica.id, this.clock.now(), chain);
  }

  private refused(call: Call, chain: readonly string[]): FinishedCall {
    return { ...finishedCall(refusedResult(identityOf(call), chain, 'storage_unavailable'), this.clock.now(), true), isRefused: true };
  }

  private async unknown(call: Call): Promise<FinishedCall> {
    const chain = await this.chainOf(call).catch(() => []);
    return finishedCall(outcomeUnknownResult(identityOf(call), chain, 0), this.clock.now(), true);
  }
}

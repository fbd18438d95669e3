import type { VpsCallKind, VpsCallRequest, VpsCallResult, VpsKeptCallResult } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { CLOCK, REPLICA, asAppError, currentContext, type Clock, type Replica } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { AgentDirectory } from '../agents/agent-directory';
import { CallMetrics } from '../metrics';
import { finishedCall } from './records/call-record';
import { outcomeUnknownResult, refusedResult } from './call-result';
import { CallRepository, type FinishedCall, type OpenCall } from './records/call.repository';
import type { CallDocument } from './records/call.schema';
import { HeldCalls } from './records/call-leases';
import type { IdempotencyKey } from './records/idempotency-key';
import { PromptStore } from './prompt-store';
import { RecordWriter } from './records/record-writer';
import { RunCall } from './conclude-call';

/** A call whose record is made before it begins. */
export interface CallToOpen {
  readonly callId: string;
  readonly kind: VpsCallKind;
  readonly orgId: string;
  readonly callerId: string;
  readonly request: VpsCallRequest;
  readonly key: IdempotencyKey | null;
  /** It was begun before and refused then: its prompt may be in the session. */
  readonly mayBeStored?: boolean;
}

/** The record of a call that has ended. */
export type EndedCall = CallDocument & { readonly result: VpsKeptCallResult };

/** `new` is to be run, under the id of its record; `earlier` is the ended call that the key belongs to. */
export type Opened = { readonly kind: 'new'; readonly call: CallToOpen } | { readonly kind: 'earlier'; readonly call: EndedCall };

const KEY_LIFE_MS = 24 * 3_600_000;

/** Records of calls that must not be lost or made twice. */
@Injectable()
export class KeyedCalls {
  constructor(
    private readonly repository: CallRepository,
    private readonly records: RecordWriter,
    private readonly agents: AgentDirectory,
    private readonly held: HeldCalls,
    private readonly prompts: PromptStore,
    private readonly runCall: RunCall,
    @Inject(REPLICA) private readonly replica: Replica,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly metrics: CallMetrics,
  ) {}

  /**
   * Makes the record; of simultaneous requests with one key exactly one gets `new`.
   * @throws AppError `idempotency_key_reused`, `call_in_progress` while the earlier call runs.
   */
  async open(call: CallToOpen): Promise<Opened> {
    const { key, orgId } = call;
    const chain = await this.chainOf(call);
    for (;;) {
      if (await this.make(call, chain)) return { kind: 'new', call };
      const found = key === null ? null : await this.repository.findByKey(orgId, key.key);
      if (key === null || found === null) continue;
      const isOld = this.clock.now() - found.createdAt.getTime() > KEY_LIFE_MS;
      const isOther = found.requestHash !== key.hash;
      if ((isOld && found.open !== true) || (isOther && found.refused === true)) {
        await this.repository.freeKey(found._id);
        continue;
      }
      if (isOther) throw new AppError('idempotency_key_reused');
      if (found.refused === true) {
        const again = { ...call, callId: found._id, mayBeStored: true };
        if (await this.remake(again, chain)) return { kind: 'new', call: again };
        continue;
      }
      if (found.result === null) throw new AppError('call_in_progress', { retryAfterSeconds: 1, extra: { call_id: found._id } });
      this.metrics.replays.inc();
      return { kind: 'earlier', call: { ...found, result: found.result } };
    }
  }

  /** As it is now; empty for an agent that nobody registered. */
  private async chainOf({ orgId, request }: CallToOpen): Promise<readonly string[]> {
    const known = await this.agents.find(orgId, request.agentName);
    return known === null ? [] : [known.agent.name, ...known.agent.fallbackAgents];
  }

  private async make(call: CallToOpen, chain: readonly string[]): Promise<boolean> {
    try {
      if (!(await this.repository.open(this.openCall(call, chain)))) return false;
    } catch (error) {
      void this.records.discard(call.callId); // it may be there all the same: its answer was lost
      throw error;
    }
    this.held.add(call.callId);
    return true;
  }

  private async remake(call: CallToOpen, chain: readonly string[]): Promise<boolean> {
    try {
      if (!(await this.repository.reopen(this.openCall(call, chain)))) return false;
    } catch (error) {
      void this.records.finish(this.refused(call, chain)); // it may be open all the same: its answer was lost
      throw error;
    }
    this.held.add(call.callId);
    return true;
  }

  /** Runs a call that `open` made and that no other replica may start; a refusal leaves its key free. */
  async guard(call: CallToOpen, work: () => Promise<VpsCallResult>): Promise<VpsCallResult> {
    const release = () => this.held.remove(call.callId);
    try {
      const result = await work();
      release();
      return result;
    } catch (error) {
      const leaving = this.prompts.leavingOf(call.callId);
      const recorded = this.recordFailure(call, asAppError(error)?.code, leaving).finally(release);
      if (leaving === null) await recorded; // else the client has waited long enough
      throw error;
    }
  }

  /**
   * A call that was refused before any agent was contacted leaves its key free. Where its prompt may be in the session, its
   * record stays, so that a repetition goes on with it instead of leaving the prompt twice; until nothing of the prompt is on
   * its way any more the call counts as running.
   */
  private async recordFailure(call: CallToOpen, code: string | undefined, leaving: Promise<void> | null): Promise<void> {
    if (code === 'answer_not_stored' || code === 'draining') return; // its end is written by whoever threw that
    if (code === undefined) return this.records.finish(await this.unknown(call)); // a bug: nobody knows how far it came
    const mayBeStored = call.request.sessionId !== null && (code === 'storage_unavailable' || call.mayBeStored === true);
    if (!mayBeStored) return this.records.discard(call.callId);
    await leaving;
    await this.records.finish(this.refused(call, await this.chainOf(call).catch(() => [])));
  }

  private refused({ callId, request }: CallToOpen, chain: readonly string[]): FinishedCall {
    const result = refusedResult({ callId, agentName: request.agentName, sessionId: request.sessionId }, chain, 'storage_unavailable');
    return { ...finishedCall(result, this.clock.now(), true), isRefused: true };
  }

  private async unknown(call: CallToOpen): Promise<FinishedCall> {
    const { callId, request } = call;
    const chain = await this.chainOf(call).catch(() => []);
    const result = outcomeUnknownResult({ callId, agentName: request.agentName, sessionId: request.sessionId }, chain, 0);
    return finishedCall(result, this.clock.now(), true);
  }

  private openCall({ callId, kind, orgId, callerId, request, key }: CallToOpen, chain: readonly string[]): OpenCall {
    const { agentName, sessionId, userId, prompt, metadata, includeHistory, deadlineSeconds } = request;
    const isAsync = kind === 'async';
    const nowMs = this.clock.now();
    const context = currentContext();
    const stored = {
      prompt,
      metadata: metadata === null ? null : JSON.stringify(metadata),
      includeHistory,
      deadlineSeconds,
      callerId,
      correlationId: context?.correlationId ?? null,
      traceparent: context?.traceparent ?? null,
    };
    return {
      callId,
      orgId,
      kind,
      status: isAsync ? 'queued' : 'running',
      agentName,
      sessionId,
      userId,
      createdAtMs: nowMs,
      expiresAtMs: this.runCall.expiresAtMs(nowMs),
      request: isAsync ? stored : null,
      key,
      holder: this.replica.id,
      attempted: !isAsync,
      chain,
    };
  }
}

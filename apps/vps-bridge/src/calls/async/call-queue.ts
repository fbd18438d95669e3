import { randomUUID } from 'node:crypto';
import { isJsonObject, type JsonObject, type VpsCallAccepted, type VpsCallRequest } from '@agentfleet/contracts';
import { CLOCK, ENV, LOG, Lifecycle, REPLICA, asAppError, runInContext, type Clock, type Log, type Replica } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { AgentDirectory } from '../../agents/agent-directory';
import type { VpsBridgeEnv } from '../../env';
import type { CallFor } from '../call-agent';
import { newCallId } from '../records/call-id';
import { CallMetrics } from '../../metrics';
import { finishedCall } from '../records/call-record';
import { outcomeUnknownResult, refusedResult } from '../call-result';
import { CallRepository } from '../records/call.repository';
import type { CallDocument, StoredRequest } from '../records/call.schema';
import { HeldCalls } from '../records/call-leases';
import type { IdempotencyKey } from '../records/idempotency-key';
import { KeyedCalls } from '../idempotent-calls';
import { RecordWriter } from '../records/record-writer';
import { RunCall } from '../conclude-call';
import { SettleSession } from '../settle-session';
import { TryAgent } from '../try-agent';

export interface AcceptedCall {
  readonly accepted: VpsCallAccepted;
  readonly replayed: boolean;
}

const RETRY_MS = 1000;

/** The call is another replica's meanwhile, or was ended. */
class NotOursError extends Error {}

/**
 * Asynchronous calls: durable before they are accepted, started in turn as soon as a slot is free, each at most once. Only
 * ids wait in memory; what a call says is read when it is started.
 */
@Injectable()
export class AsyncCalls {
  private readonly queue: string[] = [];
  /** Calls that were begun before, here or elsewhere, and may have left their prompts. */
  private readonly again = new Set<string>();
  private running = 0;
  private stopped = false;

  constructor(
    @Inject(ENV) private readonly env: VpsBridgeEnv,
    @Inject(REPLICA) private readonly replica: Replica,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
    private readonly lifecycle: Lifecycle,
    private readonly agents: AgentDirectory,
    private readonly settleSession: SettleSession,
    private readonly repository: CallRepository,
    private readonly keyed: KeyedCalls,
    private readonly held: HeldCalls,
    private readonly records: RecordWriter,
    private readonly runCall: RunCall,
    private readonly tryAgent: TryAgent,
    private readonly metrics: CallMetrics,
  ) {
    held.onAdopted((callId) => this.enqueueAgain(callId));
  }

  /**
   * Accepts a call; it is durable when this resolves, and no agent was waited for.
   * @throws AppError `session_owner_mismatch`, `validation_failed`, `idempotency_key_reused`
   */
  async accept(caller: CallFor, request: VpsCallRequest, key: IdempotencyKey | null): Promise<AcceptedCall> {
    const call = { callId: newCallId(this.clock.now()), kind: 'async' as const, orgId: caller.orgId, callerId: caller.id, request, key };
    const opened = await this.keyed.open(call);
    if (opened.kind === 'earlier') return { accepted: { call_id: opened.call._id, status: opened.call.status }, replayed: true };
    const { callId } = opened.call;
    try {
      // what would be refused is refused now; an agent that nobody registered makes no session
      if ((await this.agents.find(caller.orgId, request.agentName)) !== null) await this.settleSession.settle(caller.orgId, caller.id, request, this.clock.now());
    } catch (error) {
      this.held.remove(callId);
      await this.records.discard(callId);
      throw error;
    }
    this.enqueue(callId);
    return { accepted: { call_id: callId, status: 'queued' }, replayed: false };
  }

  /** Starts no further calls and gives those that wait to other replicas. */
  async stop(): Promise<void> {
    this.stopped = true;
    for (const callId of this.queue.splice(0)) this.held.remove(callId);
    this.metrics.asyncQueued.set(0);
    await this.repository.release(this.replica.id);
  }

  private enqueue(callId: string): void {
    if (this.stopped) return;
    this.held.add(callId);
    this.queue.push(callId);
    this.pump();
  }

  private enqueueAgain(callId: string): void {
    this.again.add(callId);
    this.enqueue(callId);
  }

  private pump(): void {
    while (!this.stopped && this.running < this.env.VPS_ASYNC_CONCURRENCY) {
      const callId = this.queue.shift();
      if (callId === undefined) break;
      this.running++;
      void this.execute(callId, this.again.delete(callId)).finally(() => {
        this.running--;
        this.pump();
      });
    }
    this.metrics.asyncQueued.set(this.queue.length);
  }

  private async execute(callId: string, isAgain: boolean): Promise<void> {
    try {
      const call = await this.repository.start(callId, this.replica.id, new Date(this.clock.now()));
      if (call?.request === undefined) return this.held.remove(callId); // another replica's, or ended
      const { request } = call;
      const context = { correlationId: request.correlationId ?? randomUUID(), traceparent: request.traceparent ?? undefined, sourceAddress: undefined };
      await runInContext(context, () => this.run(call, request, isAgain));
      this.held.remove(callId);
    } catch (error) {
      if (this.lifecycle.draining) return this.held.remove(callId);
      this.log.warn({ err: error, call_id: callId }, 'An asynchronous call could not be started; it is tried again');
      setTimeout(() => this.enqueueAgain(callId), RETRY_MS).unref();
    }
  }

  /** Throws when the call has not begun and may be started again. */
  private async run(call: CallDocument, stored: StoredRequest, mayBeStored: boolean): Promise<void> {
    let attempted = false;
    try {
      await this.runCall.run({
        callId: call._id,
        kind: 'async',
        orgId: call.orgId,
        callerId: stored.callerId,
        request: requestOf(call, stored),
        isRecorded: true,
        keepsResponse: true,
        mayBeStored,
        beforeContact: async (chain) => {
          if (!(await this.repository.markAttempted(call._id, this.replica.id, chain))) throw new NotOursError();
          attempted = true;
        },
        ask: (known, route, prompt, deadline) => this.tryAgent.whole(known, route, prompt, deadline),
      });
    } catch (error) {
      const code = asAppError(error)?.code;
      if (error instanceof NotOursError || code === 'answer_not_stored' || code === 'draining') return; // recorded, or not ours to record
      if (!attempted && code === 'storage_unavailable') throw error;
      await this.endRefused(call, code, attempted);
    }
  }

  /** What a synchronous call would have been refused for, such as a session that became another user's meanwhile. */
  private async endRefused(call: CallDocument, code: string | undefined, attempted: boolean): Promise<void> {
    const identity = { callId: call._id, agentName: call.agentName, sessionId: call.sessionId };
    const chain = call.chain ?? [];
    const result = attempted ? outcomeUnknownResult(identity, chain, 0) : refusedResult(identity, chain, code ?? 'internal');
    this.log.warn({ call_id: call._id, error_code: result.error_code }, 'An asynchronous call failed');
    await this.records.finish(finishedCall(result, this.clock.now(), attempted));
  }
}

function requestOf({ agentName, sessionId, userId }: CallDocument, stored: StoredRequest): VpsCallRequest {
  const { prompt, metadata, includeHistory, deadlineSeconds } = stored;
  return { agentName, prompt, sessionId, userId, metadata: readMetadata(metadata), includeHistory, deadlineSeconds };
}

function readMetadata(text: string | null): JsonObject | null {
  const value: unknown = text === null ? null : JSON.parse(text);
  return isJsonObject(value) ? value : null;
}

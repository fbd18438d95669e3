import { randomUUID } from 'node:crypto';
import { isJsonObject, type JsonObject, type VpsCallResult } from '@agentfleet/contracts';
import { CLOCK, ENV, LOG, Lifecycle, REPLICA, asAppError, runInContext, type Clock, type Log, type Replica } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import type { VpsBridgeEnv } from '../../env';
import { CallMetrics } from '../../metrics';
import { CallAgent } from '../call-agent';
import { namesOf } from '../call-result';
import { CallsInFlight } from '../calls-in-flight';
import { ConcludeCall } from '../conclude-call';
import { CallLeases } from '../records/call-leases';
import { finishedCall, identityOf, type Call } from '../records/call-record';
import { CallRepository } from '../records/call.repository';
import type { CallDocument, StoredRequest } from '../records/call.schema';
import { RecordWriter } from '../records/record-writer';
import { outcomeUnknownResult, refusedResult } from '../records/unanswered';

const RETRY_MS = 1000;

/**
 * Asynchronous calls that wait in this replica, started in turn as soon as a slot is free, each at most once. Only ids wait in
 * memory; what a call says is read when it is started.
 */
@Injectable()
export class CallQueue {
  private readonly waiting: string[] = [];
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
    private readonly repository: CallRepository,
    private readonly leases: CallLeases,
    private readonly records: RecordWriter,
    private readonly inFlight: CallsInFlight,
    private readonly callAgent: CallAgent,
    private readonly concludeCall: ConcludeCall,
    private readonly metrics: CallMetrics,
  ) {
    leases.onAdopted((callId) => this.addAgain(callId));
    lifecycle.onDrain('queued calls', () => this.stop());
  }

  /** A call whose record is this replica's. */
  add(callId: string): void {
    if (this.stopped) return;
    this.leases.add(callId);
    this.waiting.push(callId);
    this.startNext();
  }

  private addAgain(callId: string): void {
    this.again.add(callId);
    this.add(callId);
  }

  /** Starts no further calls and gives those that wait to other replicas; without storage they wait for the ends of their leases. */
  private async stop(): Promise<void> {
    this.stopped = true;
    for (const callId of this.waiting.splice(0)) this.leases.remove(callId);
    this.metrics.asyncQueued.set(0);
    await this.repository.release(this.replica.id);
  }

  private startNext(): void {
    while (!this.stopped && this.running < this.env.VPS_ASYNC_CONCURRENCY) {
      const callId = this.waiting.shift();
      if (callId === undefined) break;
      this.running++;
      void this.start(callId, this.again.delete(callId)).finally(() => {
        this.running--;
        this.startNext();
      });
    }
    this.metrics.asyncQueued.set(this.waiting.length);
  }

  private async start(callId: string, mayBeStored: boolean): Promise<void> {
    try {
      const started = await this.repository.start(callId, this.replica.id, new Date(this.clock.now()));
      if (started?.request === undefined) return this.leases.remove(callId); // another replica's, or ended
      const { request } = started;
      const context = { correlationId: request.correlationId ?? randomUUID(), traceparent: request.traceparent ?? undefined, sourceAddress: undefined };
      await runInContext(context, () => this.run({ ...callOf(started, request), mayBeStored }, started.chain ?? []));
      this.leases.remove(callId);
    } catch (error) {
      if (this.lifecycle.draining) return this.leases.remove(callId);
      this.log.warn({ err: error, call_id: callId }, 'An asynchronous call could not be started; it is tried again');
      void this.clock.sleep(RETRY_MS).then(() => this.addAgain(callId));
    }
  }

  /** @throws AppError `storage_unavailable` when the call has not begun and may be started again. */
  private async run(call: Call, chain: readonly string[]): Promise<void> {
    let isAttempted = false;
    const slot = this.inFlight.enter('async');
    try {
      const begun = await this.callAgent.begin(call, slot);
      if (begun === undefined) return void (await this.concludeCall.unregistered(call, slot.startMs));
      isAttempted = await this.repository.markAttempted(call.callId, this.replica.id, namesOf(begun.chain));
      if (!isAttempted) return; // another replica's meanwhile, or ended
      await this.callAgent.finish(begun, slot);
    } catch (error) {
      const code = asAppError(error)?.code;
      if (code === 'answer_not_stored' || code === 'draining') return; // its end is written by whoever threw that
      if (!isAttempted && code === 'storage_unavailable') throw error;
      const identity = identityOf(call);
      await this.recordFailure(isAttempted ? outcomeUnknownResult(identity, chain, 0) : refusedResult(identity, chain, code ?? 'internal'), isAttempted);
    } finally {
      slot.leave();
    }
  }

  /** What a synchronous call would have been refused for, such as a session that became another user's meanwhile. */
  private async recordFailure(result: VpsCallResult, isAttempted: boolean): Promise<void> {
    this.log.warn({ call_id: result.call_id, error_code: result.error_code }, 'An asynchronous call failed');
    await this.records.finish(finishedCall(result, this.clock.now(), isAttempted));
  }
}

function callOf({ _id, orgId, agentName, sessionId, userId }: CallDocument, stored: StoredRequest): Call {
  const { prompt, metadata, includeHistory, deadlineSeconds, callerId } = stored;
  const request = { agentName, prompt, sessionId, userId, metadata: readMetadata(metadata), includeHistory, deadlineSeconds };
  return { callId: _id, kind: 'async', orgId, callerId, request, key: undefined };
}

function readMetadata(text: string | null): JsonObject | null {
  const value: unknown = text === null ? null : JSON.parse(text);
  return isJsonObject(value) ? value : null;
}

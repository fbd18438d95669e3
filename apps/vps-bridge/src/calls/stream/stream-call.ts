import type { VpsCallResult, VpsStreamRequest } from '@agentfleet/contracts';
import { CLOCK, LOG, asAppError, type Clock, type Log } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { CallMetrics } from '../../metrics';
import { VpsClient } from '../../vps-client/vps-client';
import { CallAgent, type CallFor } from '../call-agent';
import { namesOf, type BegunCall } from '../call-result';
import { CallsInFlight, type CallSlot } from '../calls-in-flight';
import { ConcludeCall } from '../conclude-call';
import { IdempotentCalls } from '../idempotent-calls';
import { newCallId } from '../records/call-id';
import { identityOf, isRecorded, keptResult, type Call } from '../records/call-record';
import type { IdempotencyKey } from '../records/idempotency-key';
import { notStoredResult, outcomeUnknownResult } from '../records/unanswered';
import { EventStream } from './event-stream';
import { StreamedAnswers } from './streamed-answers';

export interface StreamedCall {
  readonly events: EventStream;
  readonly replayed: boolean;
}

/** One streamed call: exactly one `done` or `error` comes last. */
@Injectable()
export class StreamCall {
  constructor(
    private readonly inFlight: CallsInFlight,
    private readonly idempotent: IdempotentCalls,
    private readonly callAgent: CallAgent,
    private readonly concludeCall: ConcludeCall,
    private readonly client: VpsClient,
    private readonly metrics: CallMetrics,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
  ) {}

  /**
   * Resolves before the first agent is asked; what is known before it is thrown.
   * @throws AppError as `CallAgent.begin`, and `overloaded`, `call_in_progress`, `idempotency_key_reused`.
   */
  async start(caller: CallFor, request: VpsStreamRequest, key: IdempotencyKey | undefined): Promise<StreamedCall> {
    this.inFlight.requireRoom();
    const call: Call = { callId: newCallId(this.clock.now()), kind: 'stream', orgId: caller.orgId, callerId: caller.id, request, key };
    const claimed = key === undefined ? { kind: 'new' as const, call } : await this.idempotent.claim(call);
    if (claimed.kind === 'replay') return { events: replay(keptResult(claimed.record.result)), replayed: true };
    const slot = this.inFlight.enter('stream');
    try {
      const begun = await this.callAgent.begin(claimed.call, slot);
      const events = new EventStream();
      if (begun === undefined) await this.endUnregistered(claimed.call, slot, events);
      else void this.finish(begun, slot, new StreamedAnswers(this.client, this.metrics, events, claimed.call.callId, request.midstreamMode), events);
      return { events, replayed: false };
    } catch (error) {
      await this.leave(claimed.call, slot, error);
      throw error;
    }
  }

  private async endUnregistered(call: Call, slot: CallSlot, events: EventStream): Promise<void> {
    const result = await this.concludeCall.unregistered(call, slot.startMs);
    await this.leave(call, slot);
    sendEnd(events, result);
  }

  /** The status line is gone, so that what a plain call would answer with a status comes as an event. */
  private async finish(begun: BegunCall, slot: CallSlot, answers: StreamedAnswers, events: EventStream): Promise<void> {
    const { call } = begun;
    try {
      const result = await this.callAgent.finish(begun, slot, answers);
      await this.leave(call, slot);
      sendEnd(events, result, answers);
    } catch (error) {
      const code = asAppError(error)?.code;
      if (code === undefined) this.log.error({ err: error, call_id: call.callId }, 'A streamed call failed');
      await this.leave(call, slot, error).catch((failure: unknown) => this.log.warn({ err: failure, call_id: call.callId }, 'The end of a streamed call could not be recorded'));
      const names = namesOf(begun.chain);
      sendEnd(events, code === 'answer_not_stored' ? notStoredResult(identityOf(call), names) : outcomeUnknownResult(identityOf(call), names, 0), answers);
    }
  }

  private async leave(call: Call, slot: CallSlot, error?: unknown): Promise<void> {
    slot.leave();
    if (!isRecorded(call)) return;
    if (error === undefined) this.idempotent.release(call);
    else await this.idempotent.fail(call, error);
  }
}

function sendEnd(events: EventStream, result: VpsCallResult, answers?: StreamedAnswers): void {
  const partial = answers?.partial;
  if (result.success) events.send('done', result);
  else events.send('error', { ...result, ...(partial === undefined ? {} : { partial_response: partial.text }) });
  events.end();
}

function replay(result: VpsCallResult): EventStream {
  const events = new EventStream();
  if (result.success && result.response !== null && result.response !== '') events.send('text', { agent: result.agent_name, delta: result.response });
  sendEnd(events, result);
  return events;
}

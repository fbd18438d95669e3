import type { VpsMidstreamMode, VpsStreamRequest } from '@agentfleet/contracts';
import { CLOCK, EventStreams, LOG, LiveCallers, asAppError, type Caller, type Clock, type EventStream, type LiveCaller, type Log } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { CallMetrics } from '../../metrics';
import { VpsClient } from '../../vps-client/vps-client';
import { CallAgent } from '../call-agent';
import { namesOf, type BegunCall } from '../call-result';
import { CallsInFlight, type CallSlot } from '../calls-in-flight';
import { ConcludeCall } from '../conclude-call';
import { IdempotentCalls, type EndedCallDocument } from '../idempotent-calls';
import { newCallId } from '../records/call-id';
import { identityOf, isRecorded, keptResult, type Call } from '../records/call-record';
import type { IdempotencyKey } from '../records/idempotency-key';
import { notStoredResult, outcomeUnknownResult } from '../records/unanswered';
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
    private readonly streams: EventStreams,
    private readonly live: LiveCallers,
    private readonly metrics: CallMetrics,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
  ) {}

  /**
   * Resolves before the first agent is asked; what is known before it is thrown.
   * @throws AppError as `CallAgent.begin`, and `overloaded`, `call_in_progress`, `idempotency_mismatch`.
   */
  async start(caller: Caller, request: VpsStreamRequest, key: IdempotencyKey | undefined): Promise<StreamedCall> {
    this.inFlight.requireRoom();
    const call: Call = { callId: newCallId(this.clock.now()), kind: 'stream', orgId: caller.orgId, callerId: caller.id, request, key };
    const claimed = key === undefined ? { kind: 'new' as const, call } : await this.idempotent.claim(call);
    if (claimed.kind === 'replay') return { events: this.replay(claimed.record, request.midstreamMode), replayed: true };
    const slot = this.inFlight.enter('stream');
    try {
      const begun = await this.callAgent.begin(claimed.call, slot);
      const events = this.open();
      const answers = this.answers(events, claimed.call.callId, request.midstreamMode);
      if (begun === undefined) await this.endUnregistered(claimed.call, slot, answers);
      else void this.finish(begun, slot, answers, this.keepRights(caller, claimed.call, events));
      return { events, replayed: false };
    } catch (error) {
      await this.leave(claimed.call, slot, error);
      throw error;
    }
  }

  /** At SIGTERM it ends with its call. */
  private open(): EventStream {
    return this.streams.open({ comment: ' still here', atShutdown: () => undefined });
  }

  /** A caller who loses the right to call leaves the stream; for the call that is a client that left. */
  private keepRights(caller: Caller, { callId }: Call, events: EventStream): LiveCaller {
    return this.live.add(caller, ['vps:call'], (why) => {
      this.log.info({ call_id: callId, why }, 'A streamed call is cut off: its caller may not call any more');
      events.body.destroy();
    });
  }

  private answers(events: EventStream, callId: string, mode: VpsMidstreamMode): StreamedAnswers {
    return new StreamedAnswers(this.client, this.metrics, events, callId, mode);
  }

  private async endUnregistered(call: Call, slot: CallSlot, answers: StreamedAnswers): Promise<void> {
    const result = await this.concludeCall.unregistered(call, slot.startMs);
    await this.leave(call, slot);
    answers.end(result);
  }

  /** The status line is gone, so that what a plain call would answer with a status comes as an event. */
  private async finish(begun: BegunCall, slot: CallSlot, answers: StreamedAnswers, rights: LiveCaller): Promise<void> {
    const { call } = begun;
    try {
      const result = await this.callAgent.finish(begun, slot, answers);
      await this.leave(call, slot);
      answers.end(result);
    } catch (error) {
      const code = asAppError(error)?.code;
      if (code === undefined) this.log.error({ err: error, call_id: call.callId }, 'A streamed call failed');
      await this.leave(call, slot, error).catch((failure: unknown) => this.log.warn({ err: failure, call_id: call.callId }, 'The end of a streamed call could not be recorded'));
      const names = namesOf(begun.chain);
      answers.end(code === 'answer_not_stored' ? notStoredResult(identityOf(call), names) : outcomeUnknownResult(identityOf(call), names, 0));
    } finally {
      rights.remove();
    }
  }

  private replay({ _id, result }: EndedCallDocument, mode: VpsMidstreamMode): EventStream {
    const events = this.open();
    const answers = this.answers(events, _id, mode);
    const { agent_name, response, success } = keptResult(result);
    if (success && response !== null && response !== '') answers.say(agent_name, response);
    answers.end(keptResult(result));
    return events;
  }

  private async leave(call: Call, slot: CallSlot, error?: unknown): Promise<void> {
    slot.leave();
    if (!isRecorded(call)) return;
    if (error === undefined) this.idempotent.release(call);
    else await this.idempotent.fail(call, error);
  }
}

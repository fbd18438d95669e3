import type { VpsCallResult, VpsStreamRequest } from '@agentfleet/contracts';
import { CLOCK, LOG, asAppError, type Clock, type Log } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { VpsClient } from '../../vps-client/vps-client';
import { earlierAnswer, type CallFor } from '../call-agent';
import { newCallId } from '../records/call-id';
import { CallMetrics } from '../../metrics';
import { outcomeUnknownResult } from '../call-result';
import { EventStream } from './event-stream';
import type { IdempotencyKey } from '../records/idempotency-key';
import { KeyedCalls, type CallToOpen } from '../idempotent-calls';
import { RunCall, type CallTask } from '../conclude-call';
import { RunningCalls } from '../calls-in-flight';
import { StreamWalk } from './streamed-answers';
import { TryAgent } from '../try-agent';

export interface StreamedCall {
  readonly events: EventStream;
  readonly replayed: boolean;
}

/** One streamed call: exactly one `done` or `error` comes last. */
@Injectable()
export class StreamCall {
  constructor(
    private readonly runCall: RunCall,
    private readonly running: RunningCalls,
    private readonly keyed: KeyedCalls,
    private readonly client: VpsClient,
    private readonly tryAgent: TryAgent,
    private readonly metrics: CallMetrics,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
  ) {}

  /**
   * Resolves when the walk begins; what is known before it is thrown.
   * @throws AppError as `CallAgent.call`
   */
  async start(caller: CallFor, request: VpsStreamRequest, key: IdempotencyKey | null): Promise<StreamedCall> {
    this.running.requireRoom();
    const callId = newCallId(this.clock.now());
    const call: CallToOpen = { callId, kind: 'stream', orgId: caller.orgId, callerId: caller.id, request, key };
    const opened = key === null ? { kind: 'new' as const, call } : await this.keyed.open(call);
    if (opened.kind === 'earlier') return { events: replay(earlierAnswer(opened.call).result), replayed: true };
    const events = new EventStream();
    await this.begin(opened.call, request, events);
    return { events, replayed: false };
  }

  private async begin(call: CallToOpen, request: VpsStreamRequest, events: EventStream): Promise<void> {
    let chain: readonly string[] | null = null;
    const { callId, key } = call;
    const walk = new StreamWalk({ client: this.client, tryAgent: this.tryAgent, metrics: this.metrics }, events, { callId, mode: request.midstreamMode });
    await new Promise<void>((resolve, reject) => {
      const begun = (names: readonly string[]) => {
        chain = names;
        resolve();
      };
      const task = this.task(call, walk, events, begun);
      const work = () => this.runCall.run(task);
      (key === null ? work() : this.keyed.guard(call, work)).then(
        (result) => {
          begun(result.fallback_chain);
          finish(events, result, walk);
        },
        (error: unknown) => {
          if (chain === null) {
            events.end();
            reject(error instanceof Error ? error : new Error('The call could not begin'));
          } else this.fail(call, chain, events, walk, error);
        },
      );
    });
  }

  private task(call: CallToOpen, walk: StreamWalk, events: EventStream, begun: (chain: readonly string[]) => void): CallTask {
    const { key } = call;
    return {
      ...call,
      isRecorded: key !== null,
      keepsResponse: key !== null,
      beforeContact: (chain) => {
        begun(chain);
        return Promise.resolve();
      },
      ask: (known, route, prompt, deadline, position) => walk.ask(known, route, prompt, deadline, position),
      partial: () => walk.partial(),
      amend: (result) => (events.signal.aborted && !result.success ? leftResult(result, events.signal.reason) : result),
    };
  }

  /** The status line is long gone, so that what a plain call would answer with a status comes as an event. */
  private fail({ callId, request }: CallToOpen, chain: readonly string[], events: EventStream, walk: StreamWalk, error: unknown): void {
    const code = asAppError(error)?.code;
    if (code === undefined) this.log.error({ err: error, call_id: callId }, 'A streamed call failed');
    const unknown = outcomeUnknownResult({ callId, agentName: request.agentName, sessionId: request.sessionId }, chain, 0);
    const notStored = { ...unknown, error: 'The agent answered, but its answer could not be stored', error_code: 'answer_not_stored' };
    finish(events, code === 'answer_not_stored' ? notStored : unknown, walk);
  }
}

function finish(events: EventStream, result: VpsCallResult, walk: StreamWalk): void {
  const partial = walk.partial();
  if (result.success) events.send('done', result);
  else events.send('error', { ...result, ...(partial === null ? {} : { partial_response: partial.text }) });
  events.end();
}

function leftResult(result: VpsCallResult, reason: unknown): VpsCallResult {
  const stalled = reason === 'client_stalled';
  const error = stalled ? 'The client took nothing for too long' : 'The client left before the answer was complete';
  return { ...result, error, error_type: 'UNKNOWN', error_code: stalled ? 'client_stalled' : 'client_left' };
}

function replay(result: VpsCallResult): EventStream {
  const events = new EventStream();
  if (result.success) {
    if (result.response !== null && result.response !== '') events.send('text', { agent: result.agent_name, delta: result.response });
    events.send('done', result);
  } else events.send('error', result);
  events.end();
  return events;
}

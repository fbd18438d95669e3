import type { VpsCallResult } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { CLOCK, LOG, asAppError, type Clock, type Log } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { CallMetrics } from '../metrics';
import type { MessageContent } from '../sessions/message.repository';
import { callResult, namesOf, triesOf, type BegunCall, type CallWalk } from './call-result';
import { CallCommits, type CallRecord } from './call-commits';
import { promptOf } from './prompt-store';
import { endedCall, finishedCall, identityOf, isRecorded, type Call } from './records/call-record';
import { RecordWriter } from './records/record-writer';
import { notRegisteredResult, outcomeUnknownResult, roundedMs } from './records/unanswered';
import type { AgentTry } from './try-agent';

/** How a streamed answer stood when its call ended. */
export interface StreamEnd {
  /** What it brought before it broke off. */
  readonly partial: { readonly text: string; readonly agent: string } | undefined;
  /** Why its client reads nothing more, when that is so. */
  readonly loss: 'client_left' | 'client_stalled' | undefined;
}

/** The ends of a call: its result, what of it is stored, and what is counted. */
@Injectable()
export class ConcludeCall {
  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
    private readonly commits: CallCommits,
    private readonly records: RecordWriter,
    private readonly metrics: CallMetrics,
  ) {}

  /**
   * The chain was walked, whether or not an agent answered.
   * @throws AppError `answer_not_stored` with the result
   */
  async walked(begun: BegunCall, walk: CallWalk, stream: StreamEnd | undefined): Promise<VpsCallResult> {
    const { call, chain, startMs } = begun;
    const tries = triesOf(walk);
    const messages = this.messagesOf(begun, walk, stream);
    const latencyMs = this.clock.monotonicMs() - startMs;
    const result = withLoss(callResult(identityOf(call), chain, walk, latencyMs, this.clock.now()), stream);
    const finish = isRecorded(call) ? finishedCall(result, this.clock.now(), tries.some((one) => one.tries > 0)) : null;
    const isStored = await this.commit(begun, { session: leftIn(begun, messages), finish });
    this.count(call, result, startMs, tries);
    if (finish === null) this.addPlainRecord(begun, result);
    if (!isStored) {
      if (finish !== null) void this.records.finish(finish);
      throw new AppError('answer_not_stored', { extra: { result } });
    }
    for (const { role } of messages) this.metrics.messages.inc({ role });
    return result;
  }

  /** Nobody is registered: nothing is stored, but for an asynchronous call, whose result is fetched from its record. */
  async unregistered(call: Call, startMs: number): Promise<VpsCallResult> {
    const result = notRegisteredResult(identityOf(call));
    this.count(call, result, startMs, []);
    if (call.kind === 'async') await this.records.finish(finishedCall(result, this.clock.now(), false));
    else if (isRecorded(call)) await this.records.discard(call.callId);
    return result;
  }

  /**
   * The process ends while an agent works: the prompt is kept, and nobody will ever send it again.
   * @throws AppError `draining`, always
   */
  async cut(begun: BegunCall, stream: StreamEnd | undefined): Promise<never> {
    const { call, chain, startMs } = begun;
    const result = outcomeUnknownResult(identityOf(call), namesOf(chain), this.clock.monotonicMs() - startMs);
    this.metrics.outcomeUnknown.inc();
    this.count(call, result, startMs, []);
    const finish = isRecorded(call) ? finishedCall(result, this.clock.now(), true) : null;
    if (finish === null) this.addPlainRecord(begun, result);
    await this.commit(begun, { session: leftIn(begun, this.messagesOf(begun, undefined, stream)), finish });
    throw new AppError('draining', { message: 'This replica is shutting down; the outcome of the call is unknown', extra: { call_id: call.callId } });
  }

  /** What is still to be stored: of a recorded call the prompt is there already. */
  private messagesOf({ call, session, startedAtMs }: BegunCall, walk: CallWalk | undefined, stream: StreamEnd | undefined): readonly MessageContent[] {
    if (session === undefined) return [];
    const prompts = isRecorded(call) ? [] : [promptOf(call, startedAtMs)];
    const answered = walk?.last?.outcome.kind === 'answered' ? walk.last.outcome.answer : null;
    const whole = answered?.answer == null ? undefined : { text: answered.answer.text, agent: answered.known.agent.name };
    const said = whole ?? stream?.partial;
    if (said === undefined) return prompts;
    return [...prompts, { timestampMs: this.clock.now(), role: 'assistant', content: said.text, agent: said.agent, callId: call.callId, incomplete: whole === undefined }];
  }

  /** False when it could not be stored within the call's deadline. */
  private async commit({ deadline, call }: BegunCall, record: Omit<CallRecord, 'deadline'>): Promise<boolean> {
    if (record.session === null && record.finish === null) return true;
    try {
      await this.commits.commit({ ...record, deadline });
      return true;
    } catch (error) {
      const level = asAppError(error) === undefined ? 'error' : 'warn';
      this.log[level]({ err: error, call_id: call.callId }, 'A call could not be stored');
      return false;
    }
  }

  private addPlainRecord({ call, startedAtMs }: BegunCall, result: VpsCallResult): void {
    this.records.add(endedCall(call, result, startedAtMs, this.clock.now()));
  }

  /** The log names the true causes, also where answers do not. */
  private count({ kind, request }: Call, result: VpsCallResult, startMs: number, tries: readonly AgentTry[]): void {
    const agentsMs = tries.reduce((sum, { latencyMs }) => sum + latencyMs, 0);
    const causeOf = (name: string) => tries.find(({ known }) => known.agent.name === name)?.failure?.errorCode;
    const durationMs = this.clock.monotonicMs() - startMs;
    this.metrics.ended(kind, result, durationMs, agentsMs);
    if (!this.log.isLevelEnabled('info')) return;
    this.log.info(
      {
        call_id: result.call_id,
        kind,
        agent: result.agent_name,
        attempts: result.attempts.map(({ agent, tries: count, skipped }) => `${agent}:${count}:${causeOf(agent) ?? skipped ?? 'ok'}`),
        outcome: result.success ? 'success' : 'failure',
        error_code: result.error_code,
        duration_ms: roundedMs(durationMs),
        prompt_characters: request.prompt.length,
        response_characters: result.response?.length ?? 0,
      },
      'Call',
    );
  }
}

/** What a call still leaves in its session; the metadata of a recorded call went in with its prompt. */
function leftIn({ session, call }: BegunCall, messages: readonly MessageContent[]): CallRecord['session'] {
  const recorded = isRecorded(call);
  if (session === undefined || (recorded && messages.length === 0)) return null;
  return { known: session, messages, metadata: recorded ? null : call.request.metadata };
}

/** A client that reads nothing more is the reason why its call failed, whatever the agent did then. */
function withLoss(result: VpsCallResult, stream: StreamEnd | undefined): VpsCallResult {
  const loss = stream?.loss;
  if (loss === undefined || result.success) return result;
  const error = loss === 'client_stalled' ? 'The client took nothing for too long' : 'The client left before the answer was complete';
  return { ...result, error, error_type: 'UNKNOWN', error_code: loss };
}

import type { JsonObject, RunEventBody } from '@agentfleet/contracts';
import { cutText, hasControlCharacter, isJsonObject, isWellFormed, MAX_EVENT_INPUT_BYTES, wellFormedObject } from '@agentfleet/contracts';
import { callIds, openCalls, type EngineMessage, type EngineToolCall } from '../messages';
import { askModel, type ModelAnswer, type RawToolCall } from '../model/ask-model';
import { smallerSize } from '../model/context-overflow';
import { tooLargeFailure, type ModelFailure } from '../model/model-failure';
import type { FittedTranscript } from '../transcript/fit-transcript';
import { toModelMessages } from '../transcript/request-messages';
import type { AgentRun } from './agent-run';
import { executeCalls, partitionInterrupted, unknownOutcomeStep, unknownTool } from './execute-calls';
import type { EngineEndReason, EngineItem } from './items';
import { ContextWindow } from './context-window';
import { endIteration, withLastAnswer, withModelUsage, withRound, type RunProgress } from './progress';

/** Made once: the default reason of an abort is an error with its stack. */
const OVER = new Error('The run is over');

/** Some proxies put signatures of several KiB into ids. */
const MAX_CALL_ID_CHARACTERS = 16_384;

/**
 * The agent loop: asks the model, records its calls, carries them out, asks again. Yields `EngineItem`s (see there);
 * ends after an `end`, or without one as soon as the signal fires.
 */
export async function* runAgent(run: AgentRun): AsyncGenerator<EngineItem, void> {
  const stop = new AbortController();
  const own: AgentRun = { ...run, signal: AbortSignal.any([run.signal, stop.signal]) };
  try {
    yield* new Loop(own).run();
  } finally {
    stop.abort(OVER); // left early: nothing goes on in the background
  }
}

class Loop {
  private transcript: EngineMessage[];
  private progress: RunProgress;
  private readonly usedCallIds: Set<string>;
  private readonly window: ContextWindow;

  constructor(private readonly agent: AgentRun) {
    this.transcript = [...agent.transcript];
    this.progress = agent.progress;
    this.usedCallIds = callIds(agent.transcript);
    this.window = new ContextWindow(agent);
  }

  async *run(): AsyncGenerator<EngineItem, void> {
    yield* this.finishInterrupted();
    while (!this.agent.signal.aborted) {
      if (this.isOverTokens()) return yield this.end('max_tokens', null);
      const answer = yield* this.ask();
      switch (answer.kind) {
        case 'aborted':
          return;
        case 'failed':
          return yield this.failed(answer.failure, answer.usage);
        case 'answered':
          if (!this.goesOn(answer)) return yield this.lastAnswer(answer);
          yield* this.round(answer);
      }
    }
  }

  /** Calls that a predecessor recorded and did not finish. */
  private async *finishInterrupted(): AsyncGenerator<EngineItem, void> {
    const { again, unknown } = partitionInterrupted(openCalls(this.transcript, this.agent.runId), this.agent.tools);
    for (const call of unknown) {
      if (this.agent.signal.aborted) return;
      yield this.remember(unknownOutcomeStep(this.agent, this.progress, call));
    }
    yield* this.execute(again);
  }

  /** Asks with what fits; when the provider says that it was too much, learns from it and asks once more with less. */
  private async *ask(): AsyncGenerator<EngineItem, ModelAnswer> {
    const fitted = this.window.fit(this.transcript);
    if (this.window.isKnownTooLarge(fitted)) return { kind: 'failed', failure: tooLargeFailure(), usage: null };
    const answer = yield* this.askWith(fitted);
    if (answer.kind !== 'failed' || !answer.failure.overflow) return answer;
    this.window.learn(smallerSize(fitted.estimate, answer.failure.overflow));
    const smaller = this.window.fit(this.transcript);
    return smaller.estimate < fitted.estimate ? yield* this.askWith(smaller) : answer;
  }

  private async *askWith(fitted: FittedTranscript): AsyncGenerator<EngineItem, ModelAnswer> {
    const { agent } = this;
    const event = this.window.newlyLeftOut(fitted);
    if (event) yield { kind: 'event', event };
    const question = { ...agent, messages: toModelMessages(fitted.messages, agent.model.name) };
    const asking = askModel(question, agent.observer?.modelCall);
    for (;;) {
      const next = await asking.next();
      if (next.done) return next.value;
      if (agent.signal.aborted) return { kind: 'aborted' };
      yield { kind: 'event', event: next.value };
    }
  }

  /** Whether the calls of an answer are carried out. */
  private goesOn(answer: ModelAnswer & { kind: 'answered' }): boolean {
    if (answer.calls.length === 0 || answer.isCut) return false;
    return this.progress.iteration < this.agent.limits.maxIterations && !this.isOverTokens(answer.usage.total_tokens);
  }

  /** Records the calls of an answer, then carries them out. */
  private async *round(answer: ModelAnswer & { kind: 'answered' }): AsyncGenerator<EngineItem, void> {
    const calls = answer.calls.map((call) => this.checked(call));
    const before = endIteration(this.progress, 'tool_calls', this.agent.clock.now());
    const progress = withRound(before.progress, calls.map(({ id, name }) => ({ id, name })), answer.usage);
    const events: RunEventBody[] = before.data ? [{ type: 'iteration_end', data: before.data }] : [];
    for (const call of calls) events.push(callEvent(call, progress.iteration));
    const message: EngineMessage = { role: 'assistant', runId: this.agent.runId, content: answer.text, toolCalls: calls, model: this.agent.model.name, own: answer.own };
    yield this.remember({ kind: 'step', events, messages: [message], progress });
    yield* this.execute(calls);
  }

  private async *execute(calls: readonly EngineToolCall[]): AsyncGenerator<EngineItem, void> {
    const executing = executeCalls(this.agent, this.progress, calls);
    for await (const item of executing) yield item.kind === 'step' ? this.remember(item) : item;
  }

  /** The answer after which the run ends: without calls, or with calls that a limit forbids (dropped, not shown). */
  private lastAnswer(answer: ModelAnswer & { kind: 'answered' }): EngineItem {
    this.progress = withLastAnswer(this.progress, answer.usage);
    const isFinal = answer.calls.length === 0 && !answer.isCut;
    const reason = isFinal ? 'stop' : answer.isCut ? 'length' : this.isOverTokens() ? 'max_tokens' : 'max_iterations';
    const { runId, model } = this.agent;
    const message: EngineMessage = { role: 'assistant', runId, content: answer.text, toolCalls: [], model: model.name };
    return this.end(reason, answer.text, answer.text.trim() === '' ? [] : [message]);
  }

  private failed(failure: ModelFailure, usage: Parameters<typeof withModelUsage>[1] | null): EngineItem {
    if (usage) this.progress = withModelUsage(this.progress, usage);
    const ended = endIteration(this.progress, 'error', this.agent.clock.now());
    const error = { message: failure.message, code: failure.code, retryable: failure.retryable, detail: failure.detail };
    const events: RunEventBody[] = ended.data ? [{ type: 'iteration_end', data: ended.data }] : [];
    events.push({ type: 'error', data: error });
    return { kind: 'end', events, messages: [], progress: ended.progress, end: { reason: 'error', output: null, error } };
  }

  private end(reason: EngineEndReason, output: string | null, messages: readonly EngineMessage[] = []): EngineItem {
    const ended = endIteration(this.progress, reason, this.agent.clock.now());
    const events: RunEventBody[] = ended.data ? [{ type: 'iteration_end', data: ended.data }] : [];
    return { kind: 'end', events, messages, progress: ended.progress, end: { reason, output, error: null } };
  }

  private isOverTokens(more = 0): boolean {
    const { maxTokens } = this.agent.limits;
    return maxTokens !== null && this.progress.usage.total_tokens + more >= maxTokens;
  }

  /** A call as it is recorded: with an id that the session does not have yet, and `{}` for arguments that cannot be used. */
  private checked(raw: RawToolCall): EngineToolCall {
    const id = this.freshId(raw.id);
    const name = raw.name.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 64) || '_'; // providers refuse other names in a transcript
    const own = raw.own;
    const input: JsonObject | null = isJsonObject(raw.input) ? wellFormedObject(raw.input) : null;
    if (input === null) return { id, name, input: {}, problem: raw.problem ?? 'The arguments must be a JSON object.', own };
    const tool = this.agent.tools.get(name);
    if (!tool) return { id, name, input, problem: unknownTool(raw.name, this.agent.tools), own };
    const problem = tool.problem(input);
    return { id, name, input: problem === null ? input : {}, problem, own };
  }

  /** A provider's id stays as it is, unless it is missing, unusable or known already. */
  private freshId(given: string): string {
    const isUsable = given.trim() !== '' && given.length <= MAX_CALL_ID_CHARACTERS && isWellFormed(given) && !hasControlCharacter(given);
    let id = given;
    for (let isFresh = isUsable && !this.usedCallIds.has(id); !isFresh; isFresh = !this.usedCallIds.has(id)) id = this.agent.newCallId();
    this.usedCallIds.add(id);
    return id;
  }

  private remember(step: EngineItem & { kind: 'step' }): EngineItem {
    this.transcript.push(...step.messages);
    this.progress = step.progress;
    return step;
  }
}

function callEvent(call: EngineToolCall, iteration: number): RunEventBody {
  const json = JSON.stringify(call.input);
  if (Buffer.byteLength(json) <= MAX_EVENT_INPUT_BYTES) {
    return { type: 'tool_call', data: { id: call.id, name: call.name, input: call.input, iteration, approval: 'auto' } };
  }
  const input = { beginning: cutText(json, 1000) };
  return { type: 'tool_call', data: { id: call.id, name: call.name, input, iteration, approval: 'auto', input_truncated: true } };
}

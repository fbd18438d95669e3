import type { VpsCallResult, VpsMidstreamMode, VpsStreamData } from '@agentfleet/contracts';
import { failureText, shownCode, type Failure } from '@agentfleet/errors';
import type { EventStream, StreamLoss } from '@agentfleet/platform';
import type { HistoryTurn } from '@agentfleet/sessions';
import type { CallMetrics } from '../../metrics';
import type { AttemptResult, VpsClient } from '../../vps-client/vps-client';
import type { StreamEnd } from '../conclude-call';
import type { AgentQuestion, StreamedAttempts } from '../try-agent';

const CONTINUE = 'Continue your answer exactly where it stopped. Do not repeat anything.';

/** The attempts of one streamed call: what was sent, what of it still counts, and who said it. */
export class StreamedAnswers implements StreamedAttempts, StreamEnd {
  /** Everything sent that still counts. */
  private valid = '';
  private speaker = '';
  private failed: { readonly agent: string; readonly failure: Failure } | undefined;

  constructor(
    private readonly client: VpsClient,
    private readonly metrics: CallMetrics,
    private readonly events: EventStream,
    private readonly callId: string,
    private readonly mode: VpsMidstreamMode,
  ) {}

  get signal(): AbortSignal {
    return this.events.signal;
  }

  get partial(): StreamEnd['partial'] {
    return this.valid === '' ? undefined : { text: this.valid, agent: this.speaker };
  }

  get loss(): StreamEnd['loss'] {
    return this.signal.aborted ? lossOf(this.signal.reason) : undefined;
  }

  async attempt(question: AgentQuestion, number: number): Promise<AttemptResult & { readonly endsCall?: boolean }> {
    const { agent } = question.known;
    if (number === 1) this.failOver(agent.name);
    const before = this.valid;
    if (!this.signal.aborted) this.send('attempt', { call_id: this.callId, agent: agent.name, try: number, position: question.position });
    const result = await this.ask(question);
    if (result.kind === 'failed') {
      const midstream = this.valid !== before;
      if (midstream && !this.signal.aborted) this.metrics.midstreamFailures.inc({ mode: this.mode });
      this.failed = { agent: agent.name, failure: result.failure };
      return { ...result, endsCall: this.signal.aborted || (midstream && this.mode === 'fail') };
    }
    if (this.valid === before && result.text !== '') this.say(agent.name, result.text); // all of it came at once
    this.speaker = agent.name;
    return { ...result, text: this.valid };
  }

  private ask({ known: { agent, target }, prompt, deadline }: AgentQuestion): Promise<AttemptResult> {
    const timeoutMs = agent.timeoutSeconds * 1000;
    const asked = { ...prompt, turns: this.withSaid(prompt.turns) };
    if (!agent.streaming) return this.client.send(target, asked, timeoutMs, deadline, this.signal);
    const sink = { text: (delta: string) => this.say(agent.name, delta), drained: () => this.events.drained() };
    return this.client.stream(target, asked, timeoutMs, deadline, sink, this.signal);
  }

  /** Shows the client that another agent goes on, and what of the text it has still counts. */
  private failOver(to: string): void {
    if (this.failed === undefined || this.signal.aborted) return;
    const { agent: from, failure } = this.failed;
    const { errorType: error_type } = failure;
    const { mode } = this;
    const midstream = this.valid !== '';
    this.send('failover', { from, to, error_type, error_code: shownCode(failure), error: failureText(failure), midstream, mode, sent_text: this.valid });
    if (mode === 'restart') this.valid = '';
  }

  private withSaid(turns: readonly HistoryTurn[]): readonly HistoryTurn[] {
    if (this.valid === '') return turns;
    return [...turns, { role: 'assistant', content: this.valid }, { role: 'user', content: CONTINUE }];
  }

  /** Ends the stream with its one last event. */
  end(result: VpsCallResult): void {
    const { partial } = this;
    if (result.success) this.send('done', result);
    else this.send('error', { ...result, ...(partial === undefined ? {} : { partial_response: partial.text }) });
    this.events.end();
  }

  private send<K extends keyof VpsStreamData>(event: K, data: VpsStreamData[K]): void {
    this.events.send({ event, data });
  }

  say(agent: string, delta: string): void {
    this.valid += delta;
    this.speaker = agent;
    this.send('text', { agent, delta });
  }
}

function lossOf(reason: unknown): StreamLoss {
  return reason === 'client_stalled' ? 'client_stalled' : 'client_left';
}

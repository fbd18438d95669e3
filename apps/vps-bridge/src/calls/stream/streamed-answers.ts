import type { VpsMidstreamMode } from '@agentfleet/contracts';
import { failureText, shownCode, type Failure } from '@agentfleet/errors';
import type { Deadline, Route } from '@agentfleet/resilience';
import type { HistoryTurn } from '@agentfleet/sessions';
import type { KnownAgent } from '../../agents/agent-directory';
import type { AgentPrompt } from '../../vps-client/agent-request';
import type { AttemptResult, VpsClient } from '../../vps-client/vps-client';
import type { CallMetrics } from '../../metrics';
import type { EventStream } from './event-stream';
import type { TriedAgent, TryAgent } from '../try-agent';

const CONTINUE = 'Continue your answer exactly where it stopped. Do not repeat anything.';

interface StreamWalkTools {
  readonly client: VpsClient;
  readonly tryAgent: TryAgent;
  readonly metrics: CallMetrics;
}

/** One streamed call's way along its chain: what was sent, what of it still counts, and who said it. */
export class StreamWalk {
  /** Everything sent that still counts. */
  private valid = '';
  private speaker = '';
  private failed: { readonly agent: string; readonly failure: Failure; readonly midstream: boolean } | null = null;

  constructor(
    private readonly tools: StreamWalkTools,
    private readonly events: EventStream,
    private readonly options: { readonly callId: string; readonly mode: VpsMidstreamMode },
  ) {}

  /** What came before the stream broke off. */
  partial(): { readonly text: string; readonly agent: string } | null {
    return this.valid === '' ? null : { text: this.valid, agent: this.speaker };
  }

  async ask(known: KnownAgent, route: Route, prompt: AgentPrompt, deadline: Deadline, position: number): Promise<TriedAgent> {
    const { signal } = this.events;
    this.failOver(known.agent.name);
    const before = this.valid;
    const attempt = (number: number) => this.attempt(known, { ...prompt, turns: this.turns(prompt.turns) }, deadline, position, number);
    const tried = await this.tools.tryAgent.run(known, route, deadline, attempt, signal);
    if (tried.kind === 'answered') return tried;
    const { failure } = tried.failure;
    const midstream = this.valid !== before;
    if (midstream && !signal.aborted) this.tools.metrics.midstreamFailures.inc({ mode: this.options.mode });
    if (failure !== null) this.failed = { agent: known.agent.name, failure, midstream };
    const isOver = signal.aborted || (midstream && this.options.mode === 'fail');
    return isOver ? { ...tried, mayFallBack: false } : tried;
  }

  /** Tells the client that another agent goes on, and what of the text it has still counts. */
  private failOver(to: string): void {
    if (this.failed === null || this.events.signal.aborted) return;
    const { agent: from, failure } = this.failed;
    const { errorType: error_type } = failure;
    const { mode } = this.options;
    const midstream = this.valid !== '';
    this.events.send('failover', { from, to, error_type, error_code: shownCode(failure), error: failureText(failure), midstream, mode, sent_text: this.valid });
    if (mode === 'restart') this.valid = '';
  }

  private turns(turns: readonly HistoryTurn[]): readonly HistoryTurn[] {
    if (this.valid === '') return turns;
    return [...turns, { role: 'assistant', content: this.valid }, { role: 'user', content: CONTINUE }];
  }

  private async attempt(known: KnownAgent, prompt: AgentPrompt, deadline: Deadline, position: number, number: number): Promise<AttemptResult> {
    const { agent, target } = known;
    const { signal } = this.events;
    if (!signal.aborted) this.events.send('attempt', { call_id: this.options.callId, agent: agent.name, try: number, position });
    const timeoutMs = agent.timeoutSeconds * 1000;
    const before = this.valid;
    const sink = { text: (delta: string) => this.say(agent.name, delta), drained: () => this.events.drained() };
    const result = agent.streaming
      ? await this.tools.client.stream(target, prompt, timeoutMs, deadline, sink, signal)
      : await this.tools.client.send(target, prompt, timeoutMs, deadline, signal);
    if (result.kind === 'failed') return result;
    if (this.valid === before && result.text !== '') this.say(agent.name, result.text); // all of it came at once
    this.speaker = agent.name;
    return { ...result, text: this.valid };
  }

  private say(agent: string, delta: string): void {
    this.valid += delta;
    this.speaker = agent;
    this.events.send('text', { agent, delta });
  }
}

import { allowsFallback, isRetryable, type Failure } from '@agentfleet/errors';
import { failureOutcome, type Outcome } from '@agentfleet/health';
import { CLOCK, ENV, type Clock } from '@agentfleet/platform';
import { parseRetryAfter, retry, type AttemptOutcome, type Deadline, type RetryResult, type RetrySettings, type Route, type TryOutcome, type WaitClock } from '@agentfleet/resilience';
import { Inject, Injectable } from '@nestjs/common';
import type { KnownAgent } from '../agents/agent-directory';
import type { VpsBridgeEnv } from '../env';
import { CallMetrics } from '../metrics';
import type { AgentPrompt } from '../vps-client/agent-request';
import { VpsClient, type AttemptResult } from '../vps-client/vps-client';

export interface AgentAnswer {
  readonly text: string;
  readonly status: number;
}

/** How one agent fared, with its retries; what `attempts` shows of it. */
export interface AgentTry {
  readonly known: KnownAgent;
  readonly tries: number;
  /** With its pauses. */
  readonly latencyMs: number;
  readonly retryAfterMs: number | null;
  readonly failure: Failure | null;
  readonly answer: AgentAnswer | null;
  readonly outcome: Outcome;
}

export type TriedAgent = TryOutcome<AgentTry, AgentTry>;

/** What one agent is asked. */
export interface AgentQuestion {
  readonly known: KnownAgent;
  readonly prompt: AgentPrompt;
  readonly deadline: Deadline;
  /** The agent's place in the chain, from 0. */
  readonly position: number;
}

/** Asks agents such that their text is seen as it comes. */
export interface StreamedAttempts {
  /** @param number of the attempt on this agent, from 1. @returns with `endsCall` when nobody else may be asked either. */
  attempt(question: AgentQuestion, number: number): Promise<AttemptResult & { readonly endsCall?: boolean }>;
  /** Fires when nobody waits for the text any more. */
  readonly signal: AbortSignal;
}

/** Asks one agent, again as far as its registration allows. */
@Injectable()
export class TryAgent {
  private readonly backoff: Omit<RetrySettings, 'maxAttempts'>;

  constructor(
    @Inject(ENV) env: VpsBridgeEnv,
    private readonly client: VpsClient,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly metrics: CallMetrics,
  ) {
    this.backoff = { baseMs: env.VPS_BACKOFF_BASE_MS, maxMs: env.VPS_BACKOFF_MAX_MS, retryAfterMaxMs: env.VPS_RETRY_AFTER_MAX_MS };
  }

  /** @param streamed makes the attempts of a streamed call; other calls get whole answers. */
  async run(question: AgentQuestion, route: Route, streamed?: StreamedAttempts): Promise<TriedAgent> {
    const { known, deadline } = question;
    const startedAtMs = this.clock.now();
    const startMs = this.clock.monotonicMs();
    // an open or half-open circuit is worth one look, not a series of retries
    const maxAttempts = route === 'normal' ? known.agent.maxRetries : 1;
    let lastType: Failure['errorType'] = 'UNKNOWN';
    let endsCall = false;
    const result = await retry<AgentAnswer, Failure>(
      async (number) => {
        const answer = streamed === undefined ? await this.askWhole(question) : await streamed.attempt(question, number);
        endsCall = 'endsCall' in answer && answer.endsCall === true;
        const attempt = this.judge(known, answer);
        if (attempt.kind === 'failed') lastType = attempt.failure.errorType;
        return attempt;
      },
      {
        settings: { ...this.backoff, maxAttempts },
        deadline,
        clock: streamed === undefined ? this.clock : this.interruptible(streamed.signal),
        onRetry: () => this.metrics.retries.inc({ error_type: lastType }),
      },
    );
    return this.conclude({ known, route, startedAtMs, latencyMs: this.clock.monotonicMs() - startMs }, result, endsCall);
  }

  private askWhole({ known, prompt, deadline }: AgentQuestion): Promise<AttemptResult> {
    return this.client.send(known.target, prompt, known.agent.timeoutSeconds * 1000, deadline);
  }

  /** A pause ends early when nobody waits any more; the attempt after it then gives up by itself. */
  private interruptible(signal: AbortSignal): WaitClock {
    const { clock } = this;
    return { monotonicMs: () => clock.monotonicMs(), random: () => clock.random(), sleep: (ms) => clock.sleep(ms, signal).catch(() => undefined) };
  }

  private judge({ agent }: KnownAgent, result: AttemptResult): AttemptOutcome<AgentAnswer, Failure> {
    if (result.kind === 'text') {
      this.metrics.attempted(null);
      return { kind: 'done', value: { text: result.text, status: result.status } };
    }
    this.metrics.attempted(result.failure);
    const retryAfterMs = parseRetryAfter(result.retryAfter, this.clock.now());
    return { kind: 'failed', failure: result.failure, retryable: result.isFinal !== true && isRetryable(agent.retryOn, result.failure), retryAfterMs };
  }

  private conclude(
    { known, route, startedAtMs, latencyMs }: { known: KnownAgent; route: Route; startedAtMs: number; latencyMs: number },
    result: RetryResult<AgentAnswer, Failure>,
    endsCall: boolean,
  ): TriedAgent {
    const { tries } = result;
    if (result.kind === 'done') {
      const outcome: Outcome = { kind: 'success', startedAtMs, route, responseMs: latencyMs };
      return { kind: 'answered', answer: { known, tries, latencyMs, retryAfterMs: null, failure: null, answer: result.value, outcome } };
    }
    const { failure, retryAfterMs } = result;
    const outcome = failureOutcome({ startedAtMs, route }, failure, retryAfterMs);
    const tried: AgentTry = { known, tries, latencyMs, retryAfterMs, failure, answer: null, outcome };
    return { kind: 'failed', failure: tried, mayFallBack: !endsCall && allowsFallback(known.agent.fallbackOn, failure) };
  }
}

import { classifyFailure, concealPort, shownCode, type Failure } from '@agentfleet/errors';
import { AddressPolicy, CheckedConnector, ENV, REPLICA, type Replica } from '@agentfleet/platform';
import type { Deadline } from '@agentfleet/resilience';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Agent } from 'undici';
import type { VpsBridgeEnv } from '../env';
import { agentRequest, type AgentPrompt, type AgentTarget } from './agent-request';
import { readAnswer } from './answer-text';
import { Exchange, type ExchangeResult } from './exchange';
import { StreamBody, type TextSink } from './stream-body';
import { unpack } from './unpack';

/** What one attempt on one agent brought. */
export type AttemptResult =
  | { readonly kind: 'text'; readonly text: string; readonly status: number }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly retryAfter: string | undefined; /** Not to be repeated, whatever it is. */ readonly isFinal?: boolean };

/** What a probe saw: the status, or why there is none. */
export interface ProbeAnswer {
  readonly statusCode: number | null;
  /** Null when the agent was reached. */
  readonly errorCode: string | null;
}

/** Nobody waits for the answer: it says nothing about the agent, like a deadline of the caller's. */
const GIVEN_UP: AttemptResult = { kind: 'failed', failure: classifyFailure({ kind: 'deadline' }), retryAfter: undefined, isFinal: true };
const AFTERWARDS_MS = 1000;
const PROBE_LIMIT_BYTES = 64 * 1024;
const MAX_HEADER_BYTES = 16 * 1024;
/** Common servers close idle connections after 5 s; a request on a dying one looks like a failed agent. */
const IDLE_LIMIT_MS = 4000;

/** Speaks HTTP to agents: pooled connections, one timer per attempt, bounded answers, no redirects, no proxies. */
@Injectable()
export class VpsClient implements OnApplicationShutdown {
  private readonly pool: Agent;
  private readonly userAgent: string;
  private readonly live = new Set<Exchange>();
  private readonly connector: CheckedConnector;
  private isClosed = false;

  constructor(
    @Inject(ENV) private readonly env: VpsBridgeEnv,
    @Inject(REPLICA) replica: Replica,
    policy: AddressPolicy,
  ) {
    this.userAgent = `agentfleet-vps-bridge/${replica.version}`;
    this.connector = new CheckedConnector(policy, env.VPS_CONNECT_TIMEOUT_MS);
    this.pool = new Agent({
      connect: this.connector.connect,
      pipelining: 1,
      keepAliveTimeout: IDLE_LIMIT_MS,
      keepAliveMaxTimeout: IDLE_LIMIT_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: 0, // these restart with every byte; the attempt's own timer ends it
      bodyTimeout: 0,
    });
  }

  async onApplicationShutdown(): Promise<void> {
    this.isClosed = true;
    for (const exchange of this.live) exchange.cancel();
    await this.pool.destroy();
  }

  /**
   * One attempt, from resolving to the last byte, within `timeoutMs` and the call's deadline. Never throws for anything
   * that the agent or the network does.
   * @param signal gives the attempt up.
   */
  async send(target: AgentTarget, prompt: AgentPrompt, timeoutMs: number, deadline: Deadline, signal?: AbortSignal): Promise<AttemptResult> {
    if (this.isClosed || signal?.aborted === true) return GIVEN_UP;
    const restMs = deadline.remainingMs();
    const isDeadline = restMs < timeoutMs;
    // a refusal is known early and its body drained in what is left of the attempt's time
    const exchange = new Exchange(this.env.VPS_MAX_RESPONSE_BYTES, () => {
      clearTimeout(timer);
      this.live.delete(exchange);
    });
    const timer = setTimeout(() => exchange.expire(isDeadline), isDeadline ? untilOver(restMs) : timeoutMs);
    this.dispatch(target, agentRequest(target, prompt, this.userAgent), exchange);
    return this.read(target, await cancellable(exchange, signal));
  }

  /**
   * One attempt with a streamed answer, handed on as it comes. `timeoutMs` is for the first text and between texts; while
   * nobody reads on the agent is not blamed. An agent that answers with JSON gives all its text at the end.
   */
  async stream(target: AgentTarget, prompt: AgentPrompt, timeoutMs: number, deadline: Deadline, sink: TextSink, signal: AbortSignal): Promise<AttemptResult> {
    if (this.isClosed || signal.aborted) return GIVEN_UP;
    const { VPS_MAX_RESPONSE_BYTES: maxBytes } = this.env;
    let idle: NodeJS.Timeout | undefined;
    const restart = () => {
      clearTimeout(idle);
      idle = setTimeout(() => exchange.expire(false), timeoutMs);
    };
    const body = new StreamBody(target.api, { maxBytes, sink, onText: restart, onWait: (waits) => (waits ? clearTimeout(idle) : restart()) });
    const end = setTimeout(() => exchange.expire(true), untilOver(deadline.remainingMs()));
    let afterwards: NodeJS.Timeout | undefined;
    const exchange = new Exchange(
      maxBytes,
      () => {
        clearTimeout(afterwards);
        this.live.delete(exchange);
      },
      body,
    );
    body.attach(exchange);
    restart();
    this.dispatch(target, agentRequest(target, prompt, this.userAgent, true), exchange);
    const result = await cancellable(exchange, signal);
    clearTimeout(end);
    clearTimeout(idle);
    body.close();
    // an agent that keeps the connection open after its end mark gets a moment to end it
    if (this.live.has(exchange)) afterwards = setTimeout(() => exchange.cancel(), AFTERWARDS_MS).unref();
    if (!body.isStream) return this.read(target, result);
    if (result.kind === 'answer') return { kind: 'text', text: body.text, status: result.status };
    return { kind: 'failed', failure: this.failureOf(target, result), retryAfter: undefined, isFinal: body.text !== '' };
  }

  /** Whether the agent answers at all: `GET /health`, without its token. */
  async probe(target: AgentTarget, timeoutMs: number): Promise<ProbeAnswer> {
    const exchange = new Exchange(PROBE_LIMIT_BYTES, () => {
      clearTimeout(timer);
      this.live.delete(exchange);
    });
    const timer = setTimeout(() => exchange.expire(false), timeoutMs);
    this.dispatch(target, { path: '/health', headers: ['accept', '*/*', 'user-agent', this.userAgent] }, exchange);
    const result = await exchange.result;
    if (result.status !== null) return { statusCode: result.status, errorCode: result.status < 500 ? null : `http_${result.status}` };
    return { statusCode: null, errorCode: result.kind === 'failed' ? shownCode(this.failureOf(target, result)) : null };
  }

  private failureOf({ url }: AgentTarget, { cause, status }: Extract<ExchangeResult, { kind: 'failed' }>): Failure {
    const failure = classifyFailure(cause, status);
    return this.connector.isInside(url) ? concealPort(failure, cause) : failure;
  }

  private dispatch({ url }: AgentTarget, { path, headers, body }: { path: string; headers: readonly string[]; body?: string }, exchange: Exchange): void {
    this.live.add(exchange);
    const request = { origin: url, path, headers: [...headers] };
    this.pool.dispatch(body === undefined ? { ...request, method: 'GET' } : { ...request, method: 'POST', body }, exchange);
  }

  private async read(target: AgentTarget, result: ExchangeResult): Promise<AttemptResult> {
    if (result.kind === 'failed') {
      return { kind: 'failed', failure: this.failureOf(target, result), retryAfter: result.retryAfter };
    }
    const { status } = result;
    const unpacked = await unpack(result.body, result.encoding, this.env.VPS_MAX_RESPONSE_BYTES);
    if (unpacked.kind !== 'body') return unusable(unpacked.kind, status);
    const answer = readAnswer(target.api, unpacked.body);
    return answer.kind === 'text' ? { kind: 'text', text: answer.text, status } : unusable(answer.kind, status);
  }
}

function unusable(problem: 'not_json' | 'no_text' | 'too_large' | 'cut_off' | 'bad_encoding', status: number): AttemptResult {
  return { kind: 'failed', failure: classifyFailure({ kind: 'body', problem }, status), retryAfter: undefined };
}

/** Timers fire up to a millisecond early; then the next agent would be asked with no time left. */
const untilOver = (restMs: number) => Math.ceil(restMs) + 1;

/** The result of an exchange that the signal gives up. */
async function cancellable(exchange: Exchange, signal: AbortSignal | undefined): Promise<ExchangeResult> {
  if (signal === undefined) return exchange.result;
  const cancel = () => exchange.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    return await exchange.result;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

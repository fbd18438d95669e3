import { randomUUID } from 'node:crypto';
import { isJsonObject, type AiwmConnectBody, type AiwmDisconnectBody, type AiwmHeartbeatBody, type JsonValue } from '@agentfleet/contracts';
import { parseRetryAfter, type WaitClock } from '@agentfleet/resilience';
import type { AiwmAccess } from './agent-environment';
import type { AgentLog } from './agent-log';
import { wallClockMs } from './system-clock';

/** How a request ended; `failed` means that no answer came. */
export type RequestResult =
  | { readonly kind: 'answered'; readonly status: number; readonly headers: Headers; readonly body: JsonValue | undefined; readonly retryAfterMs: number | null; readonly error: string }
  | { readonly kind: 'failed'; readonly error: string };

export interface RequestOptions {
  readonly token?: string;
  readonly body?: AiwmConnectBody | AiwmHeartbeatBody | AiwmDisconnectBody;
  readonly headers?: Readonly<Record<string, string>>;
  /** All of it: connection, answer, body. */
  readonly timeoutMs?: number;
  /** Gives the request up. */
  readonly signal?: AbortSignal;
}

const TIMEOUT_MS = 10_000;

export interface RequestPorts {
  readonly fetch: typeof fetch;
  readonly clock: WaitClock;
  readonly log: AgentLog;
}

/** Requests of one agent to AIWM: the prefix of the base address is kept, redirects are not followed (a body holds the secret). */
export class AiwmRequests {
  constructor(
    private readonly access: AiwmAccess,
    private readonly ports: RequestPorts,
  ) {}

  /** Never rejects. */
  async send(method: 'GET' | 'POST', action: string, options: RequestOptions = {}): Promise<RequestResult> {
    const correlationId = randomUUID();
    const result = await this.within(options.timeoutMs ?? TIMEOUT_MS, options.signal, (signal) => this.exchange(method, action, correlationId, options, signal));
    const outcome = result.kind === 'answered' ? { status: result.status } : { error: result.error };
    this.ports.log.info({ correlationId, action, ...outcome }, `AIWM ${action}`);
    return result;
  }

  private async exchange(method: string, action: string, correlationId: string, options: RequestOptions, signal: AbortSignal): Promise<RequestResult> {
    const response = await this.ports.fetch(`${this.access.baseUrl}/agents/${encodeURIComponent(this.access.agentId)}/${action}`, {
      method,
      redirect: 'manual',
      signal,
      headers: {
        Accept: 'application/json',
        'X-Correlation-Id': correlationId,
        ...(options.token === undefined ? {} : { Authorization: `Bearer ${options.token}` }),
        ...(options.body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });
    const body = parseJson(await response.text());
    const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), wallClockMs());
    return { kind: 'answered', status: response.status, headers: response.headers, body, retryAfterMs, error: describe(response.status, body) };
  }

  private async within(timeoutMs: number, given: AbortSignal | undefined, exchange: (signal: AbortSignal) => Promise<RequestResult>): Promise<RequestResult> {
    const timeout = new AbortController();
    const done = new AbortController();
    this.ports.clock.sleep(timeoutMs, done.signal).then(() => timeout.abort(), () => undefined);
    const signal = given ? AbortSignal.any([given, timeout.signal]) : timeout.signal;
    try {
      return await exchange(signal);
    } catch (error) {
      return { kind: 'failed', error: timeout.signal.aborted ? `no answer within ${timeoutMs} ms` : causeOf(error) };
    } finally {
      done.abort();
    }
  }
}

function parseJson(text: string): JsonValue | undefined {
  try {
    const value: JsonValue = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

/** A code of AIWM's; anything else that a server puts there stays out of the log. */
const CODE = /^[A-Z][A-Z_]{0,63}$/;

function describe(status: number, body: JsonValue | undefined): string {
  const code = isJsonObject(body) ? body['code'] : undefined;
  return typeof code === 'string' && CODE.test(code) ? `${status} ${code}` : String(status);
}

/** `fetch failed` says nothing; its cause does. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'request failed';
  const { cause } = error;
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message;
}

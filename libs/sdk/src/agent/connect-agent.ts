import { isJsonObject, type AiwmErrorCode, type JsonValue } from '@agentfleet/contracts';
import { Deadline, retry, type AttemptOutcome, type RetrySettings, type WaitClock } from '@agentfleet/resilience';
import type { AiwmRequests, RequestResult } from './aiwm-requests';
import { parseConnection, type Connection } from './configuration-document';

/** `suspended` and `refused` are 401 and 403 (an administrator may lift either), `unknown` 404 (it never will). */
export type ConnectOutcome =
  | { readonly kind: 'connected'; readonly connection: Connection }
  | { readonly kind: 'failed' | 'refused' | 'suspended' | 'unknown' | 'aborted'; readonly error: string; readonly retryAfterMs: number | null };

type Failure = Exclude<ConnectOutcome, { kind: 'connected' }>;

/** Pauses of 1, 2, 4 s (±20 %) between four tries; a longer `Retry-After` wins, up to a minute. */
const RETRY: RetrySettings = { baseMs: 1000, maxMs: 4000, jitter: 0.2, maxAttempts: 4, retryAfterMaxMs: 60_000 };
const TRIES_END_AFTER_MS = 300_000;

interface ConnectPorts {
  readonly requests: AiwmRequests;
  readonly secret: string;
  readonly clock: WaitClock;
  readonly signal: AbortSignal;
  /** Told of each try that failed. */
  readonly onFailure: (error: string) => void;
}

/** Connects, with retries where they may help. Never rejects. */
export async function connectWithRetries(ports: ConnectPorts): Promise<ConnectOutcome> {
  const { clock, signal } = ports;
  const options = { settings: RETRY, deadline: Deadline.after(TRIES_END_AFTER_MS, clock), clock, signal };
  try {
    const result = await retry((): Promise<AttemptOutcome<Connection, Failure>> => attempt(ports), options);
    return result.kind === 'done' ? { kind: 'connected', connection: result.value } : { ...result.failure, retryAfterMs: result.retryAfterMs };
  } catch (error) {
    if (signal.aborted) return { kind: 'aborted', error: 'the client is stopping', retryAfterMs: null };
    throw error;
  }
}

/** One try, as in local mode, where the next follows after minutes. Never rejects. */
export async function connectOnce(ports: ConnectPorts): Promise<ConnectOutcome> {
  const outcome = await attempt(ports);
  return outcome.kind === 'done' ? { kind: 'connected', connection: outcome.value } : outcome.failure;
}

async function attempt({ requests, secret, signal, onFailure }: ConnectPorts): Promise<AttemptOutcome<Connection, Failure>> {
  const outcome = judge(await requests.send('POST', 'connect', { body: { secret }, signal }));
  if (outcome.kind === 'failed' && !signal.aborted) onFailure(outcome.failure.error);
  return outcome;
}

function judge(result: RequestResult): AttemptOutcome<Connection, Failure> {
  if (result.kind === 'failed') return failed('failed', result.error, true, null);
  const { status, retryAfterMs, error } = result;
  if (status === 200) {
    const parsed = parseConnection(result.body, result.headers);
    return parsed.ok ? { kind: 'done', value: parsed.value } : failed('failed', `malformed answer: ${parsed.problem}`, false, null);
  }
  if (status === 404) return failed('unknown', error, false, null);
  if (status === 401 && isSuspension(result.body)) return failed('suspended', error, false, retryAfterMs);
  if (status === 401 || status === 403) return failed('refused', error, false, retryAfterMs);
  return failed('failed', error, status === 408 || status === 429 || status >= 500, retryAfterMs);
}

const SUSPENDED: AiwmErrorCode = 'AGENT_SUSPENDED';
const isSuspension = (body: JsonValue | undefined) => isJsonObject(body) && body['code'] === SUSPENDED;

function failed(kind: Failure['kind'], error: string, retryable: boolean, retryAfterMs: number | null): AttemptOutcome<Connection, Failure> {
  return { kind: 'failed', failure: { kind, error, retryAfterMs }, retryable, retryAfterMs };
}

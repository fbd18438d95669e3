import { BridgeError, errorOf, noAnswer } from './bridge-error';

/** How to reach a bridge. */
export interface BridgeOptions {
  /** Such as `http://127.0.0.1:18789`. */
  readonly baseUrl: string;
  /** API key (`afk_…`) or static key; sent as `X-API-Key`. */
  readonly apiKey?: string;
  /** User token; sent as `Authorization: Bearer`. */
  readonly token?: string;
  /** Only for `universe.owner`: the organization to act in. */
  readonly organizationId?: string;
  /** Default: the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** How long a call with an idempotency key is repeated when the bridge cannot be reached or is busy; default 30,000, 0: never. */
  readonly retryForMs?: number;
}

export interface RequestOptions {
  readonly signal?: AbortSignal;
  /** `[A-Za-z0-9._-]{1,128}`; found in the logs of bridge and agent. */
  readonly correlationId?: string;
}

export interface KeyedOptions extends RequestOptions {
  /**
   * 1 to 255 printable ASCII characters. The call acts once, however often it is repeated with this key within 24 h; the
   * client then repeats it by itself when the answer is lost.
   */
  readonly idempotencyKey?: string;
}

export type Query = Readonly<Record<string, string | number | undefined>>;

interface Sent extends KeyedOptions {
  readonly query?: Query;
  readonly body?: unknown;
}

const RETRY_FOR_MS = 30_000;
const PAUSE_MS = 500;
const MAX_PAUSE_MS = 5000;

/** One HTTP exchange with the bridge, repeated where that is safe. */
export class BridgeHttp {
  private readonly fetch: typeof fetch;

  constructor(private readonly options: BridgeOptions) {
    this.fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  }

  json<T>(method: string, path: string, sent: Sent = {}): Promise<T> {
    return this.repeated(sent, async () => {
      const response = await this.once(method, path, sent);
      if (response.status === 204) return undefined as T; // asked for by methods that return nothing
      const body: unknown = await response.json().catch((error: unknown) => {
        throw sent.signal?.aborted === true ? error : noAnswer('cut_off', error);
      });
      return body as T; // the bridge's own contract
    });
  }

  /** The answer with its body unread. @throws BridgeError for everything but a success. */
  send(method: string, path: string, sent: Sent = {}): Promise<Response> {
    return this.repeated(sent, () => this.once(method, path, sent));
  }

  /** Until it works, where a key makes that safe and a repetition can mend it. */
  private async repeated<T>({ idempotencyKey, signal }: Sent, exchange: () => Promise<T>): Promise<T> {
    const { retryForMs = RETRY_FOR_MS } = this.options;
    const endsAt = Date.now() + (idempotencyKey === undefined ? 0 : retryForMs);
    for (let tries = 1; ; tries++) {
      try {
        return await exchange();
      } catch (error) {
        const pauseMs = error instanceof BridgeError && isRepeatable(error) ? pauseAfter(error, tries) : Infinity;
        signal?.throwIfAborted();
        if (Date.now() + pauseMs >= endsAt) throw error;
        await pause(pauseMs, signal);
      }
    }
  }

  private async once(method: string, path: string, { query, body, signal, idempotencyKey, correlationId }: Sent): Promise<Response> {
    const { baseUrl, apiKey, token, organizationId } = this.options;
    const headers: Record<string, string> = {
      ...(apiKey === undefined ? {} : { 'X-API-Key': apiKey }),
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...(organizationId === undefined ? {} : { 'X-Organization-Id': organizationId }),
      ...(correlationId === undefined ? {} : { 'X-Correlation-Id': correlationId }),
      ...(idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey }),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    };
    const url = `${baseUrl.replace(/\/+$/, '')}/api/vps${path}${queryText(query)}`;
    const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }), ...(signal === undefined ? {} : { signal }) };
    let response: Response;
    try {
      response = await this.fetch(url, init);
    } catch (error) {
      if (signal?.aborted === true) throw error;
      throw noAnswer('unreachable', error);
    }
    if (!response.ok) throw await errorOf(response);
    return response;
  }
}

/** What a repetition with the same key can mend. An answer that could not be stored is in the error. */
function isRepeatable({ status, code }: BridgeError): boolean {
  return status === 0 || code === 'call_in_progress' || (status === 503 && code !== 'answer_not_stored') || status === 429;
}

function pauseAfter({ details }: BridgeError, tries: number): number {
  return Math.max(1000 * (details.retryAfterSeconds ?? 0), Math.min(MAX_PAUSE_MS, PAUSE_MS * 2 ** (tries - 1)));
}

function queryText(query: Query = {}): string {
  const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(value)}`]));
  return given.length === 0 ? '' : `?${given.join('&')}`;
}

/** Rejects with the signal's reason when it fires first. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
  signal?.throwIfAborted();
}

import { Agent, fetch as undiciFetch } from 'undici';

export interface ModelTimeouts {
  /** Until the first byte of the answer's body. */
  readonly firstByteMs: number;
  /** Between two bytes after that. */
  readonly stallMs: number;
}

/** Watches one model call: says whether it was ended because the provider stayed silent. */
export interface ByteWatch {
  readonly fetch: (url: string, init: FetchInit) => Promise<Response>;
  timedOut(): 'first_byte' | 'stall' | null;
}

export interface FetchInit {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** undici's own limits are off: the watch counts waiting for bytes only, not the time a slow reader takes. */
const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0, connect: { timeout: 10_000 }, keepAliveTimeout: 4_000 });

/** One watch per model call. */
export function watchBytes(timeouts: ModelTimeouts): ByteWatch {
  let silent: 'first_byte' | 'stall' | null = null;
  const silence = new AbortController();
  const waiting = async <T>(ms: number, what: 'first_byte' | 'stall', wait: () => Promise<T>): Promise<T> => {
    const timer = setTimeout(() => {
      silent = what;
      silence.abort(new Error('The model stayed silent'));
    }, ms);
    try {
      return await wait();
    } finally {
      clearTimeout(timer);
    }
  };
  const fetch = async (url: string, init: FetchInit): Promise<Response> => {
    const startedAt = performance.now();
    const signal = init.signal ? AbortSignal.any([init.signal, silence.signal]) : silence.signal;
    const answer = await waiting(timeouts.firstByteMs, 'first_byte', () => undiciFetch(url, { ...init, signal, dispatcher }));
    const { status, statusText } = answer;
    const headers = Object.fromEntries(answer.headers);
    if (answer.body === null) return new Response(null, { status, statusText, headers }); // 204 and 304 may not have one
    const reader = answer.body.getReader();
    let isFirst = true;
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const left = isFirst ? Math.max(0, timeouts.firstByteMs - (performance.now() - startedAt)) : timeouts.stallMs;
          const chunk = await waiting(left, isFirst ? 'first_byte' : 'stall', () => reader.read());
          isFirst = false;
          if (chunk.done) controller.close();
          else controller.enqueue(chunk.value);
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    );
    return new Response(body, { status, statusText, headers });
  };
  return { fetch, timedOut: () => silent };
}

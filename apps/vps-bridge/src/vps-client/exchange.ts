import type { AttemptPhase, FailureCause, InvalidResponseCode } from '@agentfleet/errors';
import { ADDRESS_DENIED } from '@agentfleet/platform';
import { errors, type Dispatcher } from 'undici';

/** What one HTTP exchange brought: a success with its whole body, or why not. */
export type ExchangeResult =
  | { readonly kind: 'answer'; readonly status: number; readonly encoding: string | undefined; readonly body: Buffer }
  | { readonly kind: 'failed'; readonly cause: FailureCause; readonly status: number | null; readonly retryAfter: string | undefined };

/** Gets the body of a success piece by piece. */
export interface BodySink {
  /** True when the sink wants the body of an answer with this content type and encoding. */
  accepts(contentType: string, encoding: string | undefined): boolean;
  data(chunk: Buffer): void;
  /** The body is complete. */
  end(): void;
}

/** Bodies of refusals are not read by anybody; so much is drained to keep the connection. */
const DRAIN_LIMIT_BYTES = 64 * 1024;

const NOTHING = Buffer.alloc(0);

type Headers = Readonly<Record<string, string | string[] | undefined>>;
const single = (value: string | string[] | undefined) => (Array.isArray(value) ? value.join(', ') : value);

/** undici gives its parser's errors no code; those about the end of the input come without data. */
function codeOf(error: Error, phase: AttemptPhase): string {
  if (error instanceof errors.HTTPParserError) return 'data' in error && error.data === '' ? 'HPE_INVALID_EOF_STATE' : 'HPE_INVALID';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  // undici drops what it will not read (two lengths, a status out of range, an upgrade or 100 that nobody asked for); the text is its own
  const isRefusedHead = code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH' || code === 'ERR_ASSERTION' || (code === 'UND_ERR_SOCKET' && /^bad (?:response|upgrade)$/.test(error.message));
  return phase === 'head' && isRefusedHead ? 'HPE_INVALID' : code;
}

/**
 * Follows one request through undici and resolves exactly once. A refusal is known at its status line, so that the next
 * hop does not wait for a body that nobody reads.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly result: Promise<ExchangeResult>;
  private resolve: (result: ExchangeResult) => void = () => undefined;
  private isResolved = false;
  private phase: AttemptPhase = 'connect';
  private status: number | null = null;
  private retryAfter: string | undefined;
  private encoding: string | undefined;
  private chunks: Buffer[] = [];
  private bytes = 0;
  private controller: Dispatcher.DispatchController | undefined;
  private finished = false;
  private isSunk = false;

  /** @param onFinished runs when nothing of the exchange is left, which for a refusal is after its result. */
  constructor(
    private readonly maxBytes: number,
    private readonly onFinished: () => void,
    private readonly sink?: BodySink,
  ) {
    this.result = new Promise((resolve) => (this.resolve = resolve));
  }

  /** The time is up: whatever is under way is dropped. */
  expire(isDeadline: boolean): void {
    this.fail(isDeadline ? { kind: 'deadline' } : { kind: 'attempt_timer', phase: this.phase });
    this.drop();
  }

  /** Nobody wants the answer any more. */
  cancel(): void {
    this.expire(true);
  }

  /** What the sink found wrong with the body. */
  refuse(problem: InvalidResponseCode): void {
    this.fail({ kind: 'body', problem });
    this.drop();
  }

  /** The sink has all that it wants. */
  conclude(): void {
    if (this.status !== null) this.finish({ kind: 'answer', status: this.status, encoding: undefined, body: NOTHING });
  }

  pause(): void {
    this.controller?.pause();
  }

  resume(): void {
    if (!this.finished) this.controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.isResolved) this.drop();
    else this.phase = 'head';
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (status < 200) return;
    this.phase = 'body';
    this.status = status;
    this.retryAfter = single(headers['retry-after']);
    this.encoding = single(headers['content-encoding']);
    if (status >= 300) {
      this.fail({ kind: 'status', status });
      return;
    }
    this.isSunk = this.sink?.accepts(single(headers['content-type']) ?? '', this.encoding) === true;
    if (Number(single(headers['content-length']) ?? 0) > this.maxBytes) this.dropTooLarge();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.isResolved) {
      if (this.bytes > DRAIN_LIMIT_BYTES) this.drop();
      return;
    }
    if (this.bytes > this.maxBytes) this.dropTooLarge();
    else if (this.isSunk) this.sink?.data(chunk);
    else this.chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.close();
    if (this.isResolved || this.status === null) return;
    if (this.isSunk) {
      this.sink?.end();
      return;
    }
    const [only] = this.chunks;
    const body = this.chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.chunks);
    this.finish({ kind: 'answer', status: this.status, encoding: this.encoding, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.close();
    const code = codeOf(error, this.phase);
    this.fail(code === ADDRESS_DENIED ? { kind: 'address_denied' } : { kind: 'socket', phase: this.phase, code });
  }

  private close(): void {
    this.finished = true;
    this.onFinished();
  }

  private dropTooLarge(): void {
    this.fail({ kind: 'body', problem: 'too_large' });
    this.drop();
  }

  private drop(): void {
    if (!this.finished) this.controller?.abort(new Error('The exchange has been given up'));
  }

  private fail(cause: FailureCause): void {
    this.finish({ kind: 'failed', cause, status: this.status, retryAfter: this.retryAfter });
  }

  private finish(result: ExchangeResult): void {
    if (this.isResolved) return;
    this.isResolved = true;
    this.chunks = [];
    this.resolve(result);
  }
}

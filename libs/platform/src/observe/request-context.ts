import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';

/** What follows a request through logs, audit, bus and outgoing calls. */
export interface RequestContext {
  readonly correlationId: string;
  /** W3C trace context as it came in, or undefined. */
  readonly traceparent: string | undefined;
  readonly sourceAddress: string | undefined;
}

const storage = new AsyncLocalStorage<RequestContext>();

export function currentContext(): RequestContext | undefined {
  return storage.getStore();
}

export function runInContext<T>(context: RequestContext, work: () => T): T {
  return storage.run(context, work);
}

/** Binds the rest of the current asynchronous call to the context (for hooks that cannot wrap what follows). */
export function enterContext(context: RequestContext): void {
  storage.enterWith(context);
}

const CORRELATION_ID = /^[A-Za-z0-9._-]{1,128}$/;
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** The caller's `X-Correlation-Id` (or `X-Request-Id`) when it is well formed, else a new one. */
export function contextFromHeaders(headers: Headers, sourceAddress: string | undefined): RequestContext {
  const given = [headers['x-correlation-id'], headers['x-request-id']].find(
    (value): value is string => typeof value === 'string' && CORRELATION_ID.test(value),
  );
  const traceparent = headers['traceparent'];
  return {
    correlationId: given ?? randomUUID(),
    traceparent: typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : undefined,
    sourceAddress,
  };
}

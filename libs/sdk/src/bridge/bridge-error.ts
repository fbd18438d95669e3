/** A refused field of a request. */
export interface BridgeProblem {
  readonly field: string;
  readonly message: string;
}

/** An answer of the bridge that is no success, or none at all (`status` 0: it could not be reached, or the answer broke off). */
export class BridgeError extends Error {
  constructor(
    message: string,
    readonly details: {
      /** HTTP status; 0 without an answer. */
      readonly status: number;
      /** Such as `session_not_found`; `unreachable` and `cut_off` are the client's own. */
      readonly code: string;
      readonly problems: readonly BridgeProblem[];
      /** When to try again, in seconds; null when the bridge did not say. */
      readonly retryAfterSeconds: number | null;
      readonly correlationId: string | null;
      /** The whole body of the answer, if it was JSON. */
      readonly body: unknown;
    },
  ) {
    super(message);
    this.name = 'BridgeError';
  }

  get status(): number {
    return this.details.status;
  }

  get code(): string {
    return this.details.code;
  }
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;

const textOf = (value: unknown, name: string): string | null => {
  const field = fieldOf(value, name);
  return typeof field === 'string' ? field : null;
};

/** The error of an answer that is no success. */
export async function errorOf(response: Response): Promise<BridgeError> {
  const body: unknown = await response.json().catch(() => null);
  const given = fieldOf(body, 'errors');
  const problems = (Array.isArray(given) ? given : []).map((one) => ({ field: textOf(one, 'field') ?? '', message: textOf(one, 'message') ?? '' }));
  const seconds = Number(response.headers.get('retry-after') ?? NaN);
  return new BridgeError(textOf(body, 'detail') ?? `The bridge answered with status ${response.status}`, {
    status: response.status,
    code: textOf(body, 'code') ?? `http_${response.status}`,
    problems,
    retryAfterSeconds: Number.isFinite(seconds) ? seconds : null,
    correlationId: response.headers.get('x-correlation-id'),
    body,
  });
}

/** The error when there is no answer. Its cause is not part of the text: it may name addresses. */
export function noAnswer(code: 'unreachable' | 'cut_off', cause: unknown): BridgeError {
  const text = code === 'unreachable' ? 'The bridge could not be reached' : 'The answer of the bridge broke off';
  const error = new BridgeError(text, { status: 0, code, problems: [], retryAfterSeconds: null, correlationId: null, body: null });
  error.cause = cause;
  return error;
}

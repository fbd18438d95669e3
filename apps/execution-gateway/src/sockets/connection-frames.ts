import type { ConnectionFrame } from '@agentfleet/contracts';
import type { AppError } from '@agentfleet/errors';

/** A frame for one connection only: it has no `seq`. */
export function connectionFrame(type: ConnectionFrame['type'], data: Readonly<Record<string, unknown>>): ConnectionFrame {
  return { type, data, timestamp: new Date().toISOString() };
}

export function errorFrame(code: string, message: string, more: Readonly<Record<string, unknown>> = {}): ConnectionFrame {
  return connectionFrame('error', { message, code, ...more });
}

/** An application error as a frame of the plain dialect. */
export function problemOf(error: AppError): ConnectionFrame {
  const field = error.problems[0]?.field;
  const code = error.code === 'validation_failed' ? 'bad_frame' : error.code;
  return errorFrame(code, error.message, { ...(field === undefined ? {} : { field }), ...error.extra });
}

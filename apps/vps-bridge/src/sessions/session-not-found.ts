import { AppError } from '@agentfleet/errors';

/** An id in a text is cut at 64 characters. */
export function sessionNotFound(sessionId: string): AppError {
  return new AppError('session_not_found', { message: `Session '${[...sessionId.slice(0, 128)].slice(0, 64).join('')}' not found` });
}

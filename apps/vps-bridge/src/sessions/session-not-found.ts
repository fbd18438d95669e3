import { shortened } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';

export function sessionNotFound(sessionId: string): AppError {
  return new AppError('session_not_found', { message: `Session '${shortened(sessionId)}' not found` });
}

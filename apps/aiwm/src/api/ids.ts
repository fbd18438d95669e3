import { isObjectId } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';

/** @throws AppError `invalid_id` */
export function checkId(id: string): string {
  if (!isObjectId(id)) throw new AppError('invalid_id', { message: 'The id must be 24 lower-case hex digits' });
  return id;
}

/** Unknown, deleted and foreign: nobody can tell them apart. */
export const notFound = () => new AppError('not_found', { message: 'Not found' });

import { AppError } from '@agentfleet/errors';

const OBJECT_ID = /^[0-9a-f]{24}$/;
export const OBJECT_ID_PATTERN = OBJECT_ID.source;

export function isObjectId(value: unknown): value is string {
  return typeof value === 'string' && OBJECT_ID.test(value);
}

/** @throws AppError `invalid_id` */
export function checkId(id: string): string {
  if (!isObjectId(id)) throw new AppError('invalid_id', { message: 'The id must be 24 lower-case hex digits' });
  return id;
}

/** Unknown, deleted and foreign: nobody can tell them apart. */
export const notFound = () => new AppError('not_found', { message: 'Not found' });

import { isNativeError } from 'node:util/types';
import { AppError } from '@agentfleet/errors';
import { mongo } from 'mongoose';

/** One operation of a bulk write that MongoDB refused. */
export interface RefusedOperation {
  readonly index: number;
  readonly code: number;
  readonly text: string;
}

/**
 * The operations that a bulk write refused one by one; all others were done.
 * @throws the error itself when it is something else; a lost connection, which the driver wraps like every error of a bulk
 * write, is unwrapped, so that the rest of the app recognises it
 */
export function refusedOperations(error: unknown): readonly RefusedOperation[] {
  if (!(error instanceof mongo.MongoBulkWriteError)) throw error;
  const errors = [error.writeErrors].flat();
  if (errors.length === 0) throw causeOf(error);
  // what was not refused may be lost again with the next change of the primary
  if (error.result.getWriteConcernError() !== undefined) throw new AppError('storage_unavailable', { cause: error });
  return errors.map(({ index, code, errmsg }) => ({ index, code, text: errmsg ?? '' }));
}

/** Runs a bulk write that is not expected to be refused, with the driver's wrapping taken off its error. */
export async function withPlainErrors<T>(write: Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    throw error instanceof mongo.MongoBulkWriteError ? causeOf(error) : error;
  }
}

/** What the driver wrapped; a bare error of a socket (such as EPIPE), which it passes on as it is, means that storage is away. */
export function causeOf(error: mongo.MongoBulkWriteError): unknown {
  const inner: unknown = error.errorResponse;
  if (!isNativeError(inner)) return error;
  const isSocketError = 'code' in inner && typeof inner.code === 'string';
  return isSocketError ? new AppError('storage_unavailable', { cause: inner }) : inner;
}

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
 * @throws the error itself when it is something else. The driver wraps every error of a bulk write, also a lost
 * connection, which the rest of the app must be able to recognise: that one is unwrapped.
 */
export function refusedOperations(error: unknown): readonly RefusedOperation[] {
  if (!(error instanceof mongo.MongoBulkWriteError)) throw error;
  const errors = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors];
  if (errors.length === 0) throw causeOf(error);
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
function causeOf(error: mongo.MongoBulkWriteError): unknown {
  const inner: unknown = error.errorResponse;
  if (!isNativeError(inner)) return error;
  const isSocketError = 'code' in inner && typeof inner.code === 'string';
  return isSocketError ? new AppError('storage_unavailable', { cause: inner }) : inner;
}

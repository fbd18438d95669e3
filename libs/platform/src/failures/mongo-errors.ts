import { isNativeError } from 'node:util/types';
import { AppError } from '@agentfleet/errors';
import { mongo, Error as MongooseErrors } from 'mongoose';
import { causeOf } from './bulk-errors';

const { MongoBulkWriteError, MongoError, MongoServerError, MongoNetworkError, MongoServerSelectionError } = mongo;

const UNAVAILABLE_NAMES = new Set([
  'MongoServerSelectionError',
  'MongoNetworkError',
  'MongoNetworkTimeoutError',
  'PoolClearedError',
  'PoolClearedOnNetworkError',
  'MongoPoolClearedError',
  'MongoPoolClosedError',
  'MongoNotConnectedError',
  'MongoTopologyClosedError',
  'MongoWaitQueueTimeoutError',
  'WaitQueueTimeoutError',
  'MongoClientClosedError',
  'MongoOperationTimeoutError',
  'MongooseServerSelectionError',
]);

/** Stepping down, shutting down, or no majority in time: the request may succeed a moment later. */
const UNAVAILABLE_CODES = new Set([
  6, 7, 64, 89, 91, 100, 133, 189, 262, 9001, 10107, 11600, 11602, 13388, 13435, 13436,
]);

/** What the driver lets through unwrapped when a connection ends between its check and its write. */
const SOCKET_CODES = new Set(['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END']);

/** True when MongoDB could not be asked, as opposed to having refused the operation. */
export function isStorageUnavailable(error: unknown): boolean {
  if (error instanceof MongoServerSelectionError || error instanceof MongoNetworkError) return true;
  if (error instanceof MongoBulkWriteError) {
    const cause = causeOf(error);
    return cause !== error && (cause instanceof AppError || isStorageUnavailable(cause));
  }
  if (error instanceof MongoServerError) return typeof error.code === 'number' && UNAVAILABLE_CODES.has(error.code);
  if (error instanceof MongoError) return UNAVAILABLE_NAMES.has(error.name);
  // mongoose throws a bare MongooseError when an operation waited too long for the first connection
  if (error instanceof MongooseErrors) return UNAVAILABLE_NAMES.has(error.name) || /buffering timed out/.test(error.message);
  // all other clients of the apps (agents, models, Redis) turn their socket errors into outcomes of their own
  return isNativeError(error) && 'code' in error && typeof error.code === 'string' && SOCKET_CODES.has(error.code);
}

/** True when a unique index refused a write. `index` narrows it to indexes whose key has that field. */
export function isDuplicateKey(error: unknown, field?: string): boolean {
  if (!(error instanceof MongoServerError) || error.code !== 11000) return false;
  if (field === undefined) return true;
  const pattern: unknown = error['keyPattern'];
  return typeof pattern === 'object' && pattern !== null && field in pattern;
}

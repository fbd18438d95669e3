import { AppError } from '@agentfleet/errors';
import type { Connection, mongo } from 'mongoose';

/**
 * A collection of the bare driver. Before the first connection there is none: mongoose would let the caller wait, and its
 * `find` is not a cursor then.
 * @throws AppError storage_unavailable
 */
export function collectionOf<T extends mongo.BSON.Document>(connection: Connection, name: string): mongo.Collection<T> {
  if (!connection.db) throw new AppError('storage_unavailable');
  return connection.db.collection<T>(name);
}

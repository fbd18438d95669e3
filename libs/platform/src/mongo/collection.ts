import { AppError } from '@agentfleet/errors';
import type { Connection, mongo } from 'mongoose';

/**
 * A collection of the bare driver, typed by its documents. mongoose's own would, before the first connection, queue operations
 * for 10 s and return promises in place of cursors.
 * @throws AppError `storage_unavailable` before the first connection; afterwards the driver reports outages itself
 */
export function collection<D extends object>(connection: Connection, name: string): mongo.Collection<D> {
  if (!connection.db) throw new AppError('storage_unavailable');
  return connection.db.collection<D>(name);
}

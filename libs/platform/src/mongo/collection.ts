import { AppError } from '@agentfleet/errors';
import type { Connection, mongo } from 'mongoose';

/** For reads of what must not be undone any more by a change of the primary. */
export const MAJORITY = { readConcern: { level: 'majority' } } as const;

/**
 * A collection of the bare driver, typed by its documents. mongoose's own would, before the first connection, queue operations
 * for 10 s and return promises in place of cursors.
 * @throws AppError `storage_unavailable` before the first connection; afterwards the driver reports outages itself
 */
export function collection<D extends object>(connection: Connection, name: string): mongo.Collection<D> {
  if (!connection.db) throw new AppError('storage_unavailable');
  return connection.db.collection<D>(name);
}

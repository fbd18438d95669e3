import { refusedOperations } from '@agentfleet/platform';
import type { mongo } from 'mongoose';

const DUPLICATE_KEY = 11000;

/** An entry of a session's log: numbered without a gap, and marked with the epoch of whoever wrote it. */
interface LogEntry {
  /** Rises with each executor of the session, over all its runs. Missing in older entries, which all count. */
  readonly epoch?: number;
}

/**
 * Writes entries that do not count yet: they count as soon as their run, in a second and fenced write, says that its log reaches
 * so far. What stands in their place already was left by an earlier executor that died, or was fenced, between its two writes, and is
 * replaced; or it is this very entry, of an attempt whose answer was lost; or it is a later executor's, and the second write is refused.
 */
export async function writeAhead<D extends LogEntry>(log: mongo.Collection<D>, entries: readonly D[], placeOf: (entry: D) => Partial<D>): Promise<void> {
  if (entries.length === 0) return;
  try {
    // ids of the server's own: an entry may have to take the place of another document
    await log.insertMany(entries as mongo.OptionalUnlessRequiredId<D>[], { ordered: false, forceServerObjectId: true }); // no entry names its _id
  } catch (error) {
    await replaceLeft(log, placesTaken(error).flatMap((index) => entries[index] ?? []), placeOf);
  }
}

/** What stood there may be removed at the same moment: then the entry is inserted after all. */
async function replaceLeft<D extends LogEntry>(log: mongo.Collection<D>, entries: readonly D[], placeOf: (entry: D) => Partial<D>): Promise<void> {
  const writes = entries.map((entry) => ({ replaceOne: { filter: leftAt(placeOf(entry), entry), replacement: entry as mongo.WithoutId<D>, upsert: true } })); // as above
  try {
    await log.bulkWrite(writes, { ordered: false });
  } catch (error) {
    placesTaken(error); // by this very entry, or by a later executor's
  }
}

/** Numbers of the entries whose places are taken. @throws the error when it says anything else */
function placesTaken(error: unknown): readonly number[] {
  const refused = refusedOperations(error);
  if (refused.some(({ code }) => code !== DUPLICATE_KEY)) throw error;
  return refused.map(({ index }) => index);
}

function leftAt<D extends LogEntry>(place: Partial<D>, { epoch }: D): mongo.Filter<D> {
  return { ...place, epoch: { $lt: epoch } } as mongo.Filter<D>; // the driver's own type cannot be made for a type parameter
}

import { BRIDGE_DIALECT, QueryReader, readVpsTime, type QueryDialect } from '@agentfleet/contracts';
import { validationFailed } from '@agentfleet/platform';

const DIALECT: QueryDialect = {
  message: BRIDGE_DIALECT.message,
  wholeNumber: BRIDGE_DIALECT.wholeNumber,
  notOnce: 'must be given once',
  digits: /^[0-9]{1,16}$/,
};

/** Reads the parameters that a route knows; others are ignored. @throws AppError `validation_failed` */
export function readQuery<T>(query: unknown, read: (reader: QueryReader) => T): T {
  const reader = new QueryReader(query as Readonly<Record<string, unknown>>, DIALECT); // what the parser of queries makes
  const parsed = reader.finish(read(reader));
  if (parsed.ok) return parsed.value;
  throw validationFailed(parsed.problems);
}

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

/** A time, as strictly as the API says, but that the zone's "+" may come as a space: who does not percent-encode it sends one. */
export function readTime(reader: QueryReader, field: string): Date | undefined {
  const text = reader.text(field)?.replace(' ', '+');
  if (text === undefined) return undefined;
  const ms = RFC3339.test(text) ? readVpsTime(text) : null;
  return ms === null ? reader.refuse(field, 'must be a time such as 2026-02-18T21:30:00.000Z') : new Date(ms);
}

/** The parts of the position after which a page begins, as `encodeCursor` wrote them and `read` understands them. */
export function readCursor<P>(reader: QueryReader, read: (cursor: string) => P | undefined): P | undefined {
  const cursor = reader.text('cursor');
  if (cursor === undefined) return undefined;
  return read(cursor) ?? reader.refuse('cursor', 'must be the next_cursor of a former answer');
}

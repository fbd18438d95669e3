import { GATEWAY_QUERY_DIALECT, QueryReader } from '@agentfleet/contracts';
import { AppError, type FieldProblem } from '@agentfleet/errors';
import { decodeCursor, encodeCursor } from '@agentfleet/platform';

/** Entries of a page: 1 to 1000, default 100. */
const PAGE_LIMIT = { max: 1000, fallback: 100, beyond: 'refused' } as const;

export type UrlQuery = Readonly<Record<string, unknown>>;

/** Where a list that is newest first goes on: behind the entry that was made then and has this id. */
export interface NewestFirstPosition {
  readonly createdAt: Date;
  readonly id: string;
}

/** Reads a query; a repeated parameter, an object, a control character and a wrong value are refused. @throws AppError validation_failed */
export function readQuery<T>(query: UrlQuery, read: (reader: QueryReader) => T): T {
  const reader = new QueryReader(query, GATEWAY_QUERY_DIALECT);
  const value = read(reader);
  if (reader.problems.length > 0) throw refused(reader.problems);
  return value;
}

/** 422 with every problem; the first one is the `detail`. */
export function refused(problems: readonly FieldProblem[]): AppError {
  return new AppError('validation_failed', { message: problems[0]?.message ?? 'Validation failed', problems });
}

export function pageLimit(reader: QueryReader): number {
  return reader.limit(PAGE_LIMIT);
}

export function newestFirstPosition(reader: QueryReader): NewestFirstPosition | undefined {
  return position(reader, ([createdAtMs, id]) => (isWhole(createdAtMs) && typeof id === 'string' ? { createdAt: new Date(createdAtMs), id } : undefined));
}

export function indexPosition(reader: QueryReader): number | undefined {
  return position(reader, ([index]) => (isWhole(index) ? index : undefined));
}

/** The `next_cursor` of a page that ends with this entry. */
export function newestFirstCursor(last: { readonly created_at: Date; readonly _id: string }): string {
  return encodeCursor([last.created_at.getTime(), last._id]);
}

function position<T>(reader: QueryReader, read: (parts: readonly (string | number)[]) => T | undefined): T | undefined {
  const cursor = reader.text('cursor');
  if (cursor === undefined) return undefined;
  return read(decodeCursor(cursor) ?? []) ?? reader.refuse('cursor', 'must be the next_cursor of an earlier answer');
}

function isWhole(part: string | number | undefined): part is number {
  return typeof part === 'number' && Number.isSafeInteger(part);
}

import { GATEWAY_QUERY_DIALECT, QueryReader } from '@agentfleet/contracts';
import { AppError, type FieldProblem } from '@agentfleet/errors';

/** 1 to 1000, default 100. */
export const PAGE_LIMIT = { max: 1000, fallback: 100, beyond: 'refused' } as const;

/** A repeated parameter, an object, or a control character is refused (422). */
export function queryReader(query: Readonly<Record<string, unknown>>): QueryReader {
  return new QueryReader(query, GATEWAY_QUERY_DIALECT);
}

/** 422 with every problem; the first one is the `detail`. */
export function throwProblems(problems: readonly FieldProblem[]): void {
  const first = problems[0];
  if (first) throw new AppError('validation_failed', { message: first.message, problems });
}

/** An opaque cursor out of a position. */
export function encodeCursor(parts: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** The parts of a cursor of ours, undefined for anything else. */
export function decodeCursor(cursor: string): readonly unknown[] | undefined {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(parts) ? parts : undefined;
  } catch {
    return undefined;
  }
}

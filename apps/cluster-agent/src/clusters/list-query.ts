import { CLUSTER_PRESENCE_STATES, timeOf, type ClusterParsed } from '@agentfleet/contracts';
import type { FieldProblem } from '@agentfleet/errors';
import type { ClusterQuery } from './cluster.repository';

const MAX_LIMIT = 100;
const MAX_PAGE = 1_000_000;
const MAX_TEXT = 1024;
const SORTS = ['name', '-last_seen_at', 'registered_at'] as const;
const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/i;

/** MongoDB takes no pattern with NUL. */
const CONTROL = /\p{Cc}/u;

type Query = Readonly<Record<string, unknown>>;

export interface Page {
  readonly page: number;
  readonly limit: number;
}

class QueryReader {
  readonly problems: FieldProblem[] = [];

  constructor(private readonly query: Query) {}

  refuse(field: string, message: string): undefined {
    this.problems.push({ field, message });
    return undefined;
  }

  text(field: string): string | undefined {
    const value = this.query[field];
    if (value === undefined) return undefined;
    if (typeof value === 'string' && value.length <= MAX_TEXT && !CONTROL.test(value)) return value;
    return this.refuse(field, `must be given once, with at most ${MAX_TEXT} characters and no control characters`);
  }

  oneOf<const C extends string>(field: string, choices: readonly C[]): C | undefined {
    const value = this.text(field);
    const found = choices.find((choice) => choice === value);
    return value === undefined || found !== undefined ? found : this.refuse(field, `must be one of ${choices.join(', ')}`);
  }

  whole(field: string, min: number, max: number): number | undefined {
    const value = this.text(field);
    if (value === undefined) return undefined;
    const number = /^\d{1,16}$/.test(value) ? Number(value) : NaN;
    return number >= min && number <= max ? number : this.refuse(field, `must be a whole number from ${min} to ${max}`);
  }

  time(field: string): Date | undefined {
    const value = this.text(field);
    if (value === undefined) return undefined;
    const time = RFC_3339.test(value) ? timeOf(value.toUpperCase()) : undefined;
    return time ?? this.refuse(field, 'must be an RFC 3339 time on a day that the calendar has');
  }

  labels(field: string): { name: string; value: string }[] {
    const given = this.query[field];
    const list: unknown[] = given === undefined ? [] : Array.isArray(given) ? given : [given];
    return list.flatMap((entry) => {
      const at = typeof entry === 'string' && entry.length <= 2 * MAX_TEXT && !CONTROL.test(entry) ? entry.indexOf('=') : -1;
      if (typeof entry === 'string' && at >= 0) return [{ name: entry.slice(0, at), value: entry.slice(at + 1) }];
      this.refuse(field, 'must look like name=value');
      return [];
    });
  }

  /** `limit` above the cap is capped, not refused. */
  limit(): number {
    return Math.min(MAX_LIMIT, this.whole('limit', 1, Number.MAX_SAFE_INTEGER) ?? 10);
  }

  finish<T>(value: T): ClusterParsed<T> {
    return this.problems.length === 0 ? { ok: true, value } : { ok: false, problems: this.problems };
  }
}

/** Filters, order and page of `GET /api/v1/clusters`. */
export function parseClusterQuery(query: Query): ClusterParsed<{ readonly query: ClusterQuery; readonly page: Page }> {
  const reader = new QueryReader(query);
  const page = { page: reader.whole('page', 1, MAX_PAGE) ?? 1, limit: reader.limit() };
  return reader.finish({
    page,
    query: {
      presence: reader.oneOf('presence', CLUSTER_PRESENCE_STATES),
      nameContains: reader.text('name'),
      agentId: reader.text('agent_id'),
      labels: reader.labels('label'),
      transport: reader.oneOf('transport', ['websocket', 'http']),
      feature: reader.text('feature'),
      updatedAfter: reader.time('updated_after'),
      sort: reader.oneOf('sort', SORTS) ?? 'name',
      skip: (page.page - 1) * page.limit,
      limit: page.limit,
    },
  });
}

/** `before` (an event's number) and `limit` of `GET /api/v1/clusters/{id}/events`. */
export function parseEventsQuery(query: Query): ClusterParsed<{ readonly before: number | undefined; readonly limit: number }> {
  const reader = new QueryReader(query);
  return reader.finish({ before: reader.whole('before', 1, Number.MAX_SAFE_INTEGER), limit: reader.limit() });
}

import { CLUSTER_PRESENCE_STATES, CLUSTER_QUERY_DIALECT, CLUSTER_TRANSPORTS, hasControlCharacter, QueryReader, type ClusterLabel, type Parsed } from '@agentfleet/contracts';
import type { ClusterQuery } from '../records/cluster.repository';

const LIMIT = { max: 100, fallback: 10, beyond: 'lowered' } as const;
const MAX_PAGE = 1_000_000;
const MAX_LABEL_TEXT = 2048;
const SORTS = ['name', '-last_seen_at', 'registered_at'] as const;

type Query = Readonly<Record<string, unknown>>;

export interface Page {
  readonly page: number;
  readonly limit: number;
}

/** Filters, order and page of `GET /api/v1/clusters`. */
export function parseClusterQuery(query: Query): Parsed<{ readonly query: ClusterQuery; readonly page: Page }> {
  const reader = new QueryReader(query, CLUSTER_QUERY_DIALECT);
  const page = { page: reader.whole('page', 1, MAX_PAGE) ?? 1, limit: reader.limit(LIMIT) };
  return reader.finish({
    page,
    query: {
      presence: reader.oneOf('presence', CLUSTER_PRESENCE_STATES),
      nameContains: reader.text('name'),
      agentId: reader.text('agent_id'),
      labels: labels(reader),
      transport: reader.oneOf('transport', CLUSTER_TRANSPORTS),
      feature: reader.text('feature'),
      updatedAfter: reader.time('updated_after'),
      sort: reader.oneOf('sort', SORTS) ?? 'name',
      skip: (page.page - 1) * page.limit,
      limit: page.limit,
    },
  });
}

/** `before` (an event's number) and `limit` of `GET /api/v1/clusters/{id}/events`. */
export function parseEventsQuery(query: Query): Parsed<{ readonly before: number | undefined; readonly limit: number }> {
  const reader = new QueryReader(query, CLUSTER_QUERY_DIALECT);
  return reader.finish({ before: reader.whole('before', 1, Number.MAX_SAFE_INTEGER), limit: reader.limit(LIMIT) });
}

/** `label=name=value`, once or repeated. */
function labels(reader: QueryReader): ClusterLabel[] {
  const given = reader.raw('label') ?? [];
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  return list.flatMap((entry) => {
    const at = typeof entry === 'string' && entry.length <= MAX_LABEL_TEXT && !hasControlCharacter(entry) ? entry.indexOf('=') : -1;
    if (typeof entry === 'string' && at >= 0) return { name: entry.slice(0, at), value: entry.slice(at + 1) };
    return reader.refuse('label', 'must look like name=value') ?? [];
  });
}

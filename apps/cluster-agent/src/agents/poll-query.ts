import { CLUSTER_QUERY_DIALECT, QueryReader, type Parsed } from '@agentfleet/contracts';

export interface PollQuery {
  readonly waitMs: number;
  readonly max: number;
}

/** `wait_seconds` 0 to 30 (0), `max` 1 to 50 (10). */
export function parsePollQuery(query: Readonly<Record<string, unknown>>): Parsed<PollQuery> {
  const reader = new QueryReader(query, CLUSTER_QUERY_DIALECT);
  return reader.finish({ waitMs: 1000 * (reader.whole('wait_seconds', 0, 30) ?? 0), max: reader.whole('max', 1, 50) ?? 10 });
}

import { AIWM_QUERY_DIALECT, cutText, isJsonObject, isObjectId, QueryReader } from '@agentfleet/contracts';
import { validationFailed } from '@agentfleet/platform';

/** How a filter field is matched: whole value, list membership, or a case-insensitive piece of the text. */
export type FilterKind = 'equals' | 'contains' | 'member' | 'id';

export interface ListRules {
  readonly filters: Readonly<Record<string, FilterKind>>;
  readonly sorts: readonly string[];
}

export interface ListQuery {
  readonly page: number;
  readonly limit: number;
  readonly filters: readonly { readonly field: string; readonly kind: FilterKind; readonly value: string }[];
  readonly sort: readonly { readonly field: string; readonly direction: 1 | -1 }[];
}

const MAX_LIMIT = 1000;
const DEFAULT_LIMIT = 10;
/** Beyond any collection, and times the limit still a number that MongoDB can skip. */
const MAX_PAGE = 1e9;

function readFilters(query: QueryReader, rules: ListRules): ListQuery['filters'] {
  const given = query.raw('filter') ?? {};
  if (!isJsonObject(given)) return query.refuse('filter', 'must be written as filter[field]=value') ?? [];
  const short = ['status', 'type'].filter((name) => query.raw(name) !== undefined && name in rules.filters);
  const entries = [...Object.entries(given), ...short.map((name): [string, unknown] => [name, query.raw(name)])];
  return entries.flatMap(([field, value]) => {
    const kind = Object.hasOwn(rules.filters, field) ? rules.filters[field] : undefined;
    const refuse = (says: string) => query.refuse(`filter[${cutText(field, 64)}]`, says) ?? [];
    if (kind === undefined) return refuse(`is not a filter here; allowed are ${Object.keys(rules.filters).join(', ')}`);
    if (typeof value !== 'string') return refuse('must be a plain string');
    if (kind === 'id' && !isObjectId(value)) return refuse('must be an id of 24 lower-case hex digits');
    return [{ field, kind, value }];
  });
}

function readSort(query: QueryReader, rules: ListRules): ListQuery['sort'] {
  const given = query.raw('sort') ?? {};
  if (!isJsonObject(given)) return query.refuse('sort', 'must be written as sort[field]=1 or sort[field]=-1') ?? [];
  const sort = Object.entries(given).flatMap(([field, value]) => {
    const refuse = (says: string) => query.refuse(`sort[${cutText(field, 64)}]`, says) ?? [];
    if (!rules.sorts.includes(field)) return refuse(`is not sortable; allowed are ${rules.sorts.join(', ')}`);
    if (value !== '1' && value !== '-1') return refuse('must be 1 or -1');
    return [{ field, direction: value === '1' ? (1 as const) : (-1 as const) }];
  });
  return sort.length > 0 ? sort : [{ field: 'createdAt', direction: -1 }];
}

/**
 * Reads `page`, `limit`, `filter[…]`, `sort[…]` and the short forms `status`, `type`; other parameters are ignored.
 * @throws AppError `validation_failed` that lists every fault
 */
export function parseListQuery(query: Readonly<Record<string, unknown>>, rules: ListRules): ListQuery {
  const reader = new QueryReader(query, AIWM_QUERY_DIALECT);
  const page = Math.min(MAX_PAGE, reader.whole('page', 1, Infinity) ?? 1);
  const limit = Math.min(MAX_LIMIT, reader.whole('limit', 1, Infinity) ?? DEFAULT_LIMIT);
  const read = { page, limit, filters: readFilters(reader, rules), sort: readSort(reader, rules) };
  if (reader.problems.length > 0) throw validationFailed(reader.problems);
  return read;
}

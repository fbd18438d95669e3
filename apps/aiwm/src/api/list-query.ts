import { cutText, isJsonObject } from '@agentfleet/contracts';
import type { FieldProblem } from '@agentfleet/errors';
import { validationFailed } from '@agentfleet/platform';
import { isObjectId } from './ids';

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

function positive(name: string, value: unknown, fallback: number, problems: FieldProblem[]): number {
  if (value === undefined) return fallback;
  if (typeof value === 'string' && /^[1-9]\d*$/.test(value)) return Math.min(Number(value), MAX_PAGE);
  problems.push({ field: name, message: 'must be a whole number of at least 1' });
  return fallback;
}

function readFilters(query: Readonly<Record<string, unknown>>, rules: ListRules, problems: FieldProblem[]): ListQuery['filters'] {
  const given = query['filter'] ?? {};
  if (!isJsonObject(given)) {
    problems.push({ field: 'filter', message: 'must be written as filter[field]=value' });
    return [];
  }
  const short = ['status', 'type'].filter((name) => query[name] !== undefined && name in rules.filters);
  const entries = [...Object.entries(given), ...short.map((name): [string, unknown] => [name, query[name]])];
  return entries.flatMap(([field, value]) => {
    const kind = Object.hasOwn(rules.filters, field) ? rules.filters[field] : undefined;
    if (kind === undefined) {
      const allowed = Object.keys(rules.filters).join(', ');
      problems.push({ field: `filter[${cutText(field, 64)}]`, message: `is not a filter here; allowed are ${allowed}` });
      return [];
    }
    if (typeof value !== 'string') {
      problems.push({ field: `filter[${field}]`, message: 'must be a plain string' });
      return [];
    }
    if (kind === 'id' && !isObjectId(value)) {
      problems.push({ field: `filter[${field}]`, message: 'must be an id of 24 lower-case hex digits' });
      return [];
    }
    return [{ field, kind, value }];
  });
}

function readSort(query: Readonly<Record<string, unknown>>, rules: ListRules, problems: FieldProblem[]): ListQuery['sort'] {
  const given = query['sort'] ?? {};
  if (!isJsonObject(given)) {
    problems.push({ field: 'sort', message: 'must be written as sort[field]=1 or sort[field]=-1' });
    return [];
  }
  const sort = Object.entries(given).flatMap(([field, value]) => {
    if (!rules.sorts.includes(field)) {
      problems.push({ field: `sort[${cutText(field, 64)}]`, message: `is not sortable; allowed are ${rules.sorts.join(', ')}` });
      return [];
    }
    if (value !== '1' && value !== '-1') {
      problems.push({ field: `sort[${field}]`, message: 'must be 1 or -1' });
      return [];
    }
    return [{ field, direction: value === '1' ? (1 as const) : (-1 as const) }];
  });
  return sort.length > 0 ? sort : [{ field: 'createdAt', direction: -1 }];
}

/**
 * Reads `page`, `limit`, `filter[…]`, `sort[…]` and the short forms `status`, `type`; other parameters are ignored.
 * @throws AppError `validation_failed` that lists every fault
 */
export function parseListQuery(query: Readonly<Record<string, unknown>>, rules: ListRules): ListQuery {
  const problems: FieldProblem[] = [];
  const page = positive('page', query['page'], 1, problems);
  const limit = Math.min(MAX_LIMIT, positive('limit', query['limit'], DEFAULT_LIMIT, problems));
  const filters = readFilters(query, rules, problems);
  const sort = readSort(query, rules, problems);
  if (problems.length > 0) throw validationFailed(problems);
  return { page, limit, filters, sort };
}

import type { AiwmPage } from '@agentfleet/contracts';
import type { ListQuery } from './list-query';

/** A page of a list, and counts over all that the list's filters match. */
export interface Page<D> {
  readonly items: readonly D[];
  readonly total: number;
  readonly byStatus?: Readonly<Record<string, number>>;
  readonly byType?: Readonly<Record<string, number>>;
  readonly byConnectionStatus?: Readonly<Record<string, number>>;
}

/** A list's answer (contract section 1). */
export function pageWire<D, Item>({ items, total, ...counts }: Page<D>, { page, limit }: ListQuery, toWire: (document: D) => Item): AiwmPage<Item> {
  return {
    data: items.map(toWire),
    pagination: { page, limit, total, totalPages: Math.ceil(total / limit) },
    statistics: { total, ...counts },
  };
}

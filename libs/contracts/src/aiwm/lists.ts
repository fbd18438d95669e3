export interface AiwmPagination {
  /** From 1. */
  readonly page: number;
  /** As applied: what was asked beyond 1000 is lowered to that. */
  readonly limit: number;
  readonly total: number;
  readonly totalPages: number;
}

/** Counts over the whole filtered list within the caller's scope. */
export interface AiwmStatistics {
  readonly total: number;
  /** Only where there is a status. */
  readonly byStatus?: Readonly<Record<string, number>>;
  /** Only where there is a type. */
  readonly byType?: Readonly<Record<string, number>>;
  /** Agents only. */
  readonly byConnectionStatus?: Readonly<Record<string, number>>;
}

/** Answer of every `GET /{collection}`. */
export interface AiwmPage<Item> {
  readonly data: readonly Item[];
  readonly pagination: AiwmPagination;
  readonly statistics: AiwmStatistics;
}

/** Answer to what has nothing else to say. */
export interface AiwmSuccess {
  readonly success: true;
}

/** Answer of every `DELETE /{collection}/{id}`. */
export interface AiwmDeleted {
  readonly _id: string;
  readonly deletedAt: string;
  readonly message: string;
}

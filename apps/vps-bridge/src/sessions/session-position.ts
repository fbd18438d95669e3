import { decodeCursor } from '@agentfleet/platform';

/** The last session of a page, as the list is sorted. */
export interface SessionPosition {
  readonly lastActivity: Date;
  readonly key: string;
}

const KEY = /^[0-9a-f]{24}$/;

/** The position that a cursor of the list names, undefined for any other text. */
export function positionOf(cursor: string): SessionPosition | undefined {
  const [time, key, ...rest] = decodeCursor(cursor) ?? [];
  const lastActivity = new Date(typeof time === 'number' ? time : NaN);
  const isOurs = typeof key === 'string' && KEY.test(key) && rest.length === 0 && !Number.isNaN(lastActivity.getTime());
  return isOurs ? { lastActivity, key } : undefined;
}

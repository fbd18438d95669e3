import { dayOf } from '../platform/time';

const TIME = /^(\d{4})-(\d{2})-(\d{2})[T ]([01]\d|2[0-3])(:\d{2}:\d{2})(?:[.,](\d{1,9}))?(Z|[+-]\d{2}:?\d{2})?$/;

/**
 * A time as milliseconds since 1970, null for none. Times without a zone are UTC and microseconds are cut, since older
 * bridges wrote such. Days that no calendar has are none: a parser would quietly take the 30th of February for a day in March.
 */
export function readVpsTime(text: string): number | null {
  const [, year, month, day, hour, rest, fraction = '', zone = 'Z'] = TIME.exec(text) ?? [];
  if (year === undefined || month === undefined || day === undefined || hour === undefined || rest === undefined) return null;
  const date = `${year}-${month}-${day}`;
  const offset = zone === 'Z' || zone.includes(':') ? zone : `${zone.slice(0, 3)}:${zone.slice(3)}`;
  const ms = Date.parse(`${date}T${hour}${rest}.${fraction.slice(0, 3).padEnd(3, '0')}${offset}`);
  return Number.isNaN(ms) || dayOf(date) === undefined ? null : ms;
}

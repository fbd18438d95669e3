const DAY = /^(\d{4})-(\d\d)-(\d\d)$/;
const TIME = /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/** Midnight UTC of a day `2099-02-28`; undefined for anything else. `Date` alone takes 30 February for 2 March. */
export function dayOf(value: unknown): Date | undefined {
  const [, year, month, day] = (typeof value === 'string' ? DAY.exec(value) : null) ?? [];
  if (year === undefined) return undefined;
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.getUTCDate() === Number(day) ? date : undefined;
}

/** A time with its zone, ISO 8601, on a day that the calendar has; undefined for anything else. */
export function timeOf(value: unknown): Date | undefined {
  const [text, day] = (typeof value === 'string' ? TIME.exec(value) : null) ?? [];
  return text !== undefined && dayOf(day) ? new Date(text) : undefined;
}

import { randomUUID } from 'node:crypto';

/** Unique, and sorted by time as long as clocks agree: `call_`, 10 characters of time, 32 of chance. */
export function newCallId(nowMs: number): string {
  const chance = randomUUID();
  return `${callIdPrefix(nowMs)}${chance.slice(0, 8)}${chance.slice(9, 13)}${chance.slice(14, 18)}${chance.slice(19, 23)}${chance.slice(24)}`;
}

/** What all ids of calls of that millisecond begin with; not above any id from then on. */
export function callIdPrefix(timeMs: number): string {
  return `call_${Math.max(0, timeMs).toString(36).padStart(10, '0')}`;
}

const FORM = /^[A-Za-z0-9_]{6,64}$/;

export function isCallId(text: string): boolean {
  return FORM.test(text);
}

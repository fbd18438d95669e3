import { validationFailed } from '@agentfleet/platform';

/** The last session of a page, as the list is sorted. */
export interface SessionPosition {
  readonly lastActivity: Date;
  readonly key: string;
}

const FORM = /^([0-9]{1,16})\.([0-9a-f]{24})$/;

export function writeCursor({ lastActivity, key }: SessionPosition): string {
  return Buffer.from(`${lastActivity.getTime()}.${key}`).toString('base64url');
}

/** @throws AppError `validation_failed` for a cursor that no list gave out. */
export function readCursor(cursor: string | null): SessionPosition | null {
  if (cursor === null) return null;
  const [, time, key] = FORM.exec(Buffer.from(cursor, 'base64url').toString('latin1')) ?? [];
  const lastActivity = new Date(Number(time));
  if (key === undefined || Number.isNaN(lastActivity.getTime())) {
    throw validationFailed([{ field: 'cursor', message: 'must be the next_cursor of a former answer' }]);
  }
  return { lastActivity, key };
}

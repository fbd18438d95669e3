import type { AiwmDeleted } from '@agentfleet/contracts';

/** Only what was sent: absent fields stay as they are. */
export function definedOnly<T extends object>(body: T): Partial<T> {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined)) as Partial<T>; // entries of a T
}

export const sentFields = (body: object): readonly string[] => Object.keys(definedOnly(body));

/** Answer of every deletion. */
export function deletedWire(what: string, id: string, deletedAt: Date): AiwmDeleted {
  return { _id: id, deletedAt: deletedAt.toISOString(), message: `The ${what} was deleted` };
}

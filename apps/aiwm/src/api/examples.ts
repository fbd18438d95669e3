import type { Type } from '@nestjs/common';

/** Values that several examples share, so that one example goes on with the ids of another. */
const AT = { EARLIER: '2026-03-01T09:00:00.000Z', NOW: '2026-03-01T10:00:00.000Z', LATER: '2026-03-01T11:00:00.000Z' } as const;
const ID = {
  ORG: '5e1c0ffee0ddba11c0de0001',
  AGENT: '66b1f00dcafe4a7c9f1d3e42',
  INSTRUCTION: '66b1f00dcafe4a7c9f1d3e43',
  TOOL: '66b1f00dcafe4a7c9f1d3e44',
  NODE: '66b1f00dcafe4a7c9f1d3e45',
  USER: '66b1f00dcafe4a7c9f1d3e46',
  KEY: '66b1f00dcafe4a7c9f1d3e47',
} as const;
export const EXAMPLE = {
  ...AT,
  ...ID,
  TOKEN: 'eyJhbGciOiJFUzI1NiIsImtpZCI6IuKApiJ9.eyJpc3MiOiJhaXdtIn0.c2lnbmF0dXJl',
  SECRET: '3f9c0000000000000000000000000000000000000000000000000000000000ab',
  /** How every document of an organization ends. */
  TENANT: { owner: { orgId: ID.ORG }, createdBy: ID.USER, updatedBy: ID.USER, createdAt: AT.EARLIER, updatedAt: AT.NOW },
} as const;

const examples = new Map<Type, object>();

/** Stands below each DTO class. Typed by the DTO, so that an example that no longer fits does not compile. */
export function example<T extends object>(type: Type<T>, value: T): void {
  examples.set(type, value);
}

export function exampleOf(type: Type): object {
  const found = examples.get(type);
  if (!found) throw new Error(`${type.name} has no example for the API's description`);
  return found;
}

import type { AgentTokenClaims, ApiKeyLimits, AuditActor, Scope } from '@agentfleet/contracts';

/** Who makes a request, resolved once, before the body is read. */
export interface Caller {
  readonly kind: 'user' | 'key' | 'agent' | 'anonymous';
  /** Id of the user, key or agent; `static:…` for a key of the environment; `anonymous` with AUTH_MODE=off. */
  readonly id: string;
  readonly name: string;
  /** The organization that the caller acts in, 24 hex digits. */
  readonly orgId: string;
  /** True only for `universe.owner` without `X-Organization-Id`: reads see every organization. */
  readonly allOrganizations: boolean;
  readonly scopes: ReadonlySet<Scope>;
  readonly roles: readonly string[];
  readonly keyLimits: ApiKeyLimits;
  /** Hex SHA-256 of the key that was presented; null for other callers. A rotation makes it invalid. */
  readonly keyHash: string | null;
  /** When the credential that was presented ends by itself, milliseconds since 1970; Infinity for one that does not. */
  readonly validUntilMs: number;
  /** Only for agents: what their token says. Whether it is still valid is the business of the app that serves agents. */
  readonly agentClaims: AgentTokenClaims | null;
}

export const SYSTEM_ACTOR: AuditActor = { kind: 'system', id: 'system', name: 'agentfleet' };

/** The caller as the audit log names it. */
export function actorOf(caller: Caller): AuditActor {
  return { kind: caller.kind === 'anonymous' ? 'user' : caller.kind, id: caller.id, name: caller.name };
}

export function hasAnyScope(caller: Caller, scopes: readonly string[]): boolean {
  return scopes.some((scope) => caller.scopes.has(scope as Scope)); // a Set answers false for a name it does not know
}

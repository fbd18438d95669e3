export const AUDIT_ACTOR_KINDS = ['user', 'key', 'agent', 'system'] as const;

export interface AuditActor {
  readonly kind: (typeof AUDIT_ACTOR_KINDS)[number];
  readonly id: string;
  readonly name: string;
}

export interface AuditTarget {
  readonly type: string;
  readonly id: string;
  readonly name: string;
}

export interface AuditRecordedNotice {
  readonly orgId: string;
  readonly auditId: string;
  readonly action: string;
  readonly target: AuditTarget;
  readonly actor: AuditActor;
  readonly at: string;
}

export interface KeyUsedNotice {
  readonly orgId: string;
  readonly keyIds: readonly string[];
  readonly at: string;
}

export interface KeyNotice {
  readonly orgId: string;
  readonly keyId: string;
  readonly at: string;
  readonly previousValidUntil?: string | null;
}

export interface UserRevokedNotice {
  readonly orgId: string;
  readonly userId: string;
  readonly tokenVersion: number;
  readonly at: string;
}

export interface OrganizationDeletedNotice {
  readonly orgId: string;
  readonly at: string;
}

export interface AgentRevokedNotice {
  readonly orgId: string;
  readonly agentId: string;
  readonly tokenVersion: number;
  readonly previousValidUntil: string | null;
  readonly reason: string;
  readonly at: string;
}

import type { AiwmTenantFields } from '@agentfleet/contracts';
import type { Caller, ChangedTarget } from '@agentfleet/platform';
import { newId, type TenantDocument } from './tenant.schema';

/** Which documents a caller may see: one organization's, or all when it is undefined. */
export interface TenantScope {
  readonly orgId: string | undefined;
}

/** The documents that a caller may see: its organization's, or all for `universe.owner`. */
export function scopeOf(caller: Caller): TenantScope {
  return { orgId: caller.allOrganizations ? undefined : caller.orgId };
}

/** The fields that every new document begins with. */
export function newTenantDocument(orgId: string, createdBy: string, now: Date): TenantDocument {
  return { _id: newId(), orgId, createdBy, updatedBy: createdBy, createdAt: now, updatedAt: now, isDeleted: false, deletedAt: null };
}

/** The fields that every answer ends with. */
export function tenantWire(document: TenantDocument): AiwmTenantFields {
  return {
    owner: { orgId: document.orgId },
    createdBy: document.createdBy,
    updatedBy: document.updatedBy,
    createdAt: document.createdAt.toISOString(),
    updatedAt: document.updatedAt.toISOString(),
  };
}

/** What the audit log says of a change of a document. */
export function audited(type: string, document: TenantDocument & { readonly name: string }, fields: readonly string[]): ChangedTarget {
  return { orgId: document.orgId, target: { type, id: document._id.toHexString(), name: document.name }, fields };
}

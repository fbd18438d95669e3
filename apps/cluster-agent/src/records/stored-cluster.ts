import { createHash } from 'node:crypto';
import { CLUSTER_AGENT_BASE, isJsonObject, type JsonObject } from '@agentfleet/contracts';

/** Where a cluster's services are reached through this controller. */
export const tunnelUrl = (publicUrl: string, clusterId: string) => `${publicUrl}${CLUSTER_AGENT_BASE}/${clusterId}/proxy`;

/** A stable positive number of the organization, because existing agents want one; decides nothing. */
export function workspaceId(orgId: string): number {
  return createHash('sha256').update(orgId).digest().readUInt32BE(0) >>> 1 || 1;
}

/** Text that we stored as JSON ourselves. */
export function storedObject(text: string | null): JsonObject | null {
  if (text === null) return null;
  const value: unknown = JSON.parse(text);
  return isJsonObject(value) ? value : null;
}

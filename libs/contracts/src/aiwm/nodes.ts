import type { JsonObject } from '../platform/json';
import type { AiwmTenantFields } from './tenant';

export const AIWM_NODE_ROLES = ['controller', 'worker', 'proxy', 'storage'] as const;
export type AiwmNodeRole = (typeof AIWM_NODE_ROLES)[number];
export const AIWM_NODE_STATUSES = ['pending', 'installing', 'online', 'offline', 'maintenance'] as const;
export type AiwmNodeStatus = (typeof AIWM_NODE_STATUSES)[number];

/** Body of `POST /nodes`. */
export interface AiwmNodeCreate {
  readonly name: string;
  readonly role: readonly AiwmNodeRole[];
  readonly isLocal?: boolean;
  readonly vpnIp?: string;
  readonly status?: AiwmNodeStatus;
  readonly specs?: JsonObject;
  readonly location?: JsonObject;
}
export type AiwmNodeUpdate = Partial<AiwmNodeCreate>;

export interface AiwmNode extends AiwmTenantFields {
  readonly _id: string;
  readonly name: string;
  readonly role: readonly AiwmNodeRole[];
  readonly isLocal: boolean;
  readonly vpnIp: string | null;
  readonly status: AiwmNodeStatus;
  readonly specs: JsonObject;
  readonly location: JsonObject;
}

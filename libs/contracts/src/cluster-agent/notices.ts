import type { JsonObject } from '../platform/json';
import type { ClusterTransport } from './messages';

export interface ClusterRegisteredNotice {
  readonly orgId: string;
  readonly clusterId: string;
  readonly agentId: string;
  readonly name: string;
  readonly k8sVersion: string | null;
  readonly hostname: string | null;
  readonly agentVersion: string | null;
  readonly serverIp: string | null;
  readonly region: string | null;
  readonly cloudProvider: string | null;
  readonly serverSpecs: JsonObject | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly created: boolean;
  readonly at: string;
}

export interface ClusterConnectedNotice {
  readonly orgId: string;
  readonly clusterId: string;
  readonly agentId: string;
  readonly name: string;
  readonly epoch: number;
  readonly replicaId: string | null;
  readonly transport: ClusterTransport;
  readonly features: JsonObject;
  readonly at: string;
}

export interface ClusterDisconnectedNotice {
  readonly orgId: string;
  readonly clusterId: string;
  readonly agentId: string;
  readonly name: string;
  readonly epoch: number;
  readonly reason: string | null;
  readonly closeCode: number | null;
  readonly at: string;
}

export interface ClusterPresenceChangedNotice {
  readonly orgId: string;
  readonly clusterId: string;
  readonly agentId: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly reason: string | null;
  readonly epoch: number;
  readonly at: string;
}

export interface ClusterDeletedNotice {
  readonly orgId: string;
  readonly clusterId: string;
  readonly at: string;
}

export interface ClusterSupersededNotice {
  readonly orgId: string;
  readonly clusterId: string;
  readonly epoch: number;
}

import type { JsonObject, JsonValue } from '../platform/json';
import { PayloadReader, type ClusterParsed } from './fields';
import type { ClusterHeartbeat } from './messages';
import { CLUSTER_MAX_METADATA_BYTES } from './register';

const MAX_STATUS = 64;
const MAX_ID = 1024;
const MAX_INTEGRATION_TEXT = 4096;

const TEXT_FIELDS = [
  ...['prometheus', 'loki', 'grafana'].flatMap((name) => ['url', 'username', 'password'].map((part) => `${name}_${part}`)),
  'opencost_base_url',
  'opencost_username',
  'opencost_password',
];
const FLAG_FIELDS = ['prometheus_ssl', 'loki_ssl', 'grafana_ssl'];

/** Checks the payload of `heartbeat` and `status`, on the socket and over HTTP. */
export function parseClusterHeartbeat(payload: JsonObject): ClusterParsed<ClusterHeartbeat> {
  const reader = new PayloadReader(payload);
  return reader.finish({
    clusterId: reader.text('cluster_id', MAX_ID) || undefined, // `""` and null: none
    agentId: reader.text('agent_id', MAX_ID) || undefined,
    status: reader.text('status', MAX_STATUS) ?? undefined,
    tunnelStatus: reader.text('tunnel_status', MAX_STATUS) ?? undefined,
    metadata: reader.object('metadata', CLUSTER_MAX_METADATA_BYTES),
    integrations: integrations(reader),
    workerJoin: reader.object('worker_join', CLUSTER_MAX_METADATA_BYTES),
  });
}

function integrations(reader: PayloadReader): JsonObject | undefined {
  const sent: [string, JsonValue][] = [];
  for (const field of TEXT_FIELDS) {
    const value = reader.text(field, MAX_INTEGRATION_TEXT);
    if (value !== undefined) sent.push([field, value]);
  }
  for (const field of FLAG_FIELDS) {
    const value = reader.raw(field);
    if (value === undefined) continue;
    if (value === null || typeof value === 'boolean') sent.push([field, value]);
    else reader.refuse(field, 'must be true or false');
  }
  return sent.length > 0 ? Object.fromEntries(sent) : undefined;
}

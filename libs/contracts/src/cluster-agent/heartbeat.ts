import { FieldReader, shortText, type Parsed } from '../platform/field-reader';
import type { JsonObject, JsonValue } from '../platform/json';
import { CLUSTER_DIALECT } from './dialect';
import type { ClusterHeartbeat } from './messages';
import { CLUSTER_MAX_METADATA_BYTES } from './register';

const STATUS = shortText(64);
const ID = shortText(1024);
const INTEGRATION_TEXT = shortText(4096);
const OBJECT = { maxBytes: CLUSTER_MAX_METADATA_BYTES };

const TEXT_FIELDS = [
  ...['prometheus', 'loki', 'grafana'].flatMap((name) => ['url', 'username', 'password'].map((part) => `${name}_${part}`)),
  'opencost_base_url',
  'opencost_username',
  'opencost_password',
];
const FLAG_FIELDS = ['prometheus_ssl', 'loki_ssl', 'grafana_ssl'];

/** Checks the payload of `heartbeat` and `status`, on the socket and over HTTP. */
export function parseClusterHeartbeat(payload: JsonObject): Parsed<ClusterHeartbeat> {
  const reader = new FieldReader(payload, CLUSTER_DIALECT);
  return reader.finish({
    clusterId: reader.text('cluster_id', ID) || undefined, // `""` and null: none
    agentId: reader.text('agent_id', ID) || undefined,
    status: reader.text('status', STATUS),
    tunnelStatus: reader.text('tunnel_status', STATUS),
    metadata: reader.orNull('metadata', reader.object('metadata', OBJECT)),
    integrations: integrations(payload, reader),
    workerJoin: reader.orNull('worker_join', reader.object('worker_join', OBJECT)),
  });
}

const INTEGRATION_FIELDS = new Set([...TEXT_FIELDS, ...FLAG_FIELDS]);

function integrations(payload: JsonObject, reader: FieldReader): JsonObject | undefined {
  if (!Object.keys(payload).some((field) => INTEGRATION_FIELDS.has(field))) return undefined; // most heartbeats have none of the many
  const sent: [string, JsonValue][] = [];
  for (const field of TEXT_FIELDS) {
    const value = reader.orNull(field, reader.text(field, INTEGRATION_TEXT));
    if (value !== undefined) sent.push([field, value]);
  }
  for (const field of FLAG_FIELDS) {
    const value = reader.orNull(field, reader.flag(field));
    if (value !== undefined) sent.push([field, value]);
  }
  return sent.length > 0 ? Object.fromEntries(sent) : undefined;
}

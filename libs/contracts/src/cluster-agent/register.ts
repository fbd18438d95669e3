import { isJsonObject, type JsonObject, type JsonValue } from '../platform/json';
import { isWellFormedJson } from '../platform/text';
import { codePoints, ifSent, PayloadReader, type ClusterParsed } from './fields';
import { CLUSTER_TEXT_FIELDS, type ClusterLabel, type ClusterRegistration } from './messages';

const MAX_NAME = 253;
const MAX_LABELS = 256;
const MAX_LABEL_NAME = 317;
const MAX_LABEL_VALUE = 1024;
export const CLUSTER_MAX_METADATA_BYTES = 128 * 1024;
const MAX_TOKEN_BYTES = 16 * 1024;

const FLAGS = [
  'supports_streaming',
  'supports_binary_protocol',
  'supports_compression',
  'supports_websocket_proxy',
  'supports_gateway',
  'supports_response_streaming',
  'commands',
  'raw_path',
];

/** Checks the payload of `register`, on the socket and over HTTP. */
export function parseClusterRegistration(payload: JsonObject): ClusterParsed<ClusterRegistration> {
  const reader = new PayloadReader(payload);
  const agentId = reader.identifier('agent_id', MAX_NAME) ?? '';
  const name = reader.identifier('name', MAX_NAME) ?? '';
  const texts = CLUSTER_TEXT_FIELDS.map((field) => ifSent(field, reader.text(field, MAX_NAME)));
  const description = Object.assign(
    {},
    ...texts,
    ifSent('server_specs', scalarsOf(reader.object('server_specs'))),
    ifSent('tunnel_port_config', scalarsOf(reader.object('tunnel_port_config'))),
    ifSent('labels', labels(reader)),
    ifSent('features', features(reader)),
    ifSent('metadata', reader.object('metadata', CLUSTER_MAX_METADATA_BYTES)),
  );
  const hint = reader.raw('cluster_id');
  if (hint !== undefined && hint !== null && typeof hint !== 'string') reader.refuse('cluster_id', 'must be a string');
  return reader.finish({ agentId, name, description, serviceToken: serviceToken(reader) });
}

function serviceToken(reader: PayloadReader): string | undefined {
  const value = reader.raw('k8s_service_token');
  if (value === undefined || value === null) return undefined;
  const fits = typeof value === 'string' && isWellFormedJson(value) && new TextEncoder().encode(value).length <= MAX_TOKEN_BYTES;
  return fits ? value : reader.refuse('k8s_service_token', `must be a string of at most ${MAX_TOKEN_BYTES} bytes`);
}

const isScalar = (value: JsonValue | undefined) => value === null || ['string', 'number', 'boolean'].includes(typeof value);

/** Agents of different age send more here than is known: simple values are kept, the rest is dropped. */
function scalarsOf(value: JsonObject | null | undefined): JsonObject | null | undefined {
  return value ? Object.fromEntries(Object.entries(value).filter(([, member]) => isScalar(member))) : value;
}

function labels(reader: PayloadReader): readonly ClusterLabel[] | null | undefined {
  const value = reader.object('labels');
  if (value === undefined || value === null) return value;
  const entries = Object.entries(value);
  if (entries.length > MAX_LABELS) return reader.refuse('labels', `must have at most ${MAX_LABELS} entries`);
  const pairs: ClusterLabel[] = [];
  for (const [name, member] of entries) {
    if (typeof member !== 'string' || codePoints(member) > MAX_LABEL_VALUE) {
      return reader.refuse('labels', `must have only strings of at most ${MAX_LABEL_VALUE} characters as values`);
    }
    if (codePoints(name) > MAX_LABEL_NAME) return reader.refuse('labels', `must have only keys of at most ${MAX_LABEL_NAME} characters`);
    pairs.push({ name, value: member });
  }
  return pairs;
}

function features(reader: PayloadReader): JsonObject | null | undefined {
  const value = reader.object('features', CLUSTER_MAX_METADATA_BYTES);
  if (!isJsonObject(value)) return value;
  for (const flag of FLAGS) {
    const member = Object.hasOwn(value, flag) ? value[flag] : undefined;
    if (member !== undefined && member !== null && typeof member !== 'boolean') reader.refuse(`features.${flag}`, 'must be true or false');
  }
  const streams = Object.hasOwn(value, 'streams') ? value['streams'] : undefined;
  const isList = Array.isArray(streams) && streams.every((kind) => typeof kind === 'string');
  if (streams !== undefined && streams !== null && typeof streams !== 'boolean' && !isList) {
    reader.refuse('features.streams', 'must be a list of strings');
  }
  return value;
}

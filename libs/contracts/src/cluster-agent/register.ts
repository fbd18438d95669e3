import { FieldReader, isText, shortText, type Parsed } from '../platform/field-reader';
import { isJsonList, isWellFormed, type JsonObject, type JsonValue } from '../platform/json';
import { hasCodePoints, utf8Length } from '../platform/text';
import { CLUSTER_DIALECT } from './dialect';
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
export function parseClusterRegistration(payload: JsonObject): Parsed<ClusterRegistration> {
  const reader = new FieldReader(payload, CLUSTER_DIALECT);
  const agentId = reader.identifier('agent_id', MAX_NAME) ?? '';
  const name = reader.identifier('name', MAX_NAME) ?? '';
  const texts = CLUSTER_TEXT_FIELDS.map((field) => ifSent(field, reader.orNull(field, reader.text(field, shortText(MAX_NAME)))));
  const description = Object.assign(
    {},
    ...texts,
    ifSent('server_specs', reader.orNull('server_specs', scalarsOf(reader.object('server_specs')))),
    ifSent('tunnel_port_config', reader.orNull('tunnel_port_config', scalarsOf(reader.object('tunnel_port_config')))),
    ifSent('labels', reader.orNull('labels', labels(reader))),
    ifSent('features', reader.orNull('features', features(reader))),
    ifSent('metadata', reader.orNull('metadata', reader.object('metadata', { maxBytes: CLUSTER_MAX_METADATA_BYTES }))),
  );
  reader.value('cluster_id', 'must be a string', isText);
  return reader.finish({ agentId, name, description, serviceToken: serviceToken(reader) });
}

function serviceToken(reader: FieldReader): string | undefined {
  const accepts = (value: JsonValue): value is string => isText(value) && isWellFormed(value) && utf8Length(value) <= MAX_TOKEN_BYTES;
  return reader.value('k8s_service_token', `must be a string of at most ${MAX_TOKEN_BYTES} bytes`, accepts);
}

const isScalar = (value: JsonValue | undefined) => value === null || ['string', 'number', 'boolean'].includes(typeof value);

/** Agents of different age send more here than is known: simple values are kept, the rest is dropped. */
function scalarsOf(value: JsonObject | undefined): JsonObject | undefined {
  return value ? Object.fromEntries(Object.entries(value).filter(([, member]) => isScalar(member))) : value;
}

function labels(reader: FieldReader): readonly ClusterLabel[] | undefined {
  const value = reader.object('labels');
  if (value === undefined) return undefined;
  const entries = Object.entries(value);
  if (entries.length > MAX_LABELS) return reader.refuse('labels', `must have at most ${MAX_LABELS} entries`);
  const pairs: ClusterLabel[] = [];
  for (const [name, member] of entries) {
    if (typeof member !== 'string' || !hasCodePoints(member, 0, MAX_LABEL_VALUE)) {
      return reader.refuse('labels', `must have only strings of at most ${MAX_LABEL_VALUE} characters as values`);
    }
    if (!hasCodePoints(name, 0, MAX_LABEL_NAME)) return reader.refuse('labels', `must have only keys of at most ${MAX_LABEL_NAME} characters`);
    pairs.push({ name, value: member });
  }
  return pairs;
}

function features(reader: FieldReader): JsonObject | undefined {
  const value = reader.object('features', { maxBytes: CLUSTER_MAX_METADATA_BYTES });
  if (value === undefined) return undefined;
  reader.nested('features', (inner) => {
    for (const flag of FLAGS) inner.flag(flag);
    inner.value('streams', 'must be a list of strings', isFlagOrTexts);
  });
  return value;
}

function isFlagOrTexts(value: JsonValue): value is boolean | readonly string[] {
  return typeof value === 'boolean' || (isJsonList(value) && value.every(isText));
}

/** A field only when it was sent, so that "absent" and "null" stay apart. */
function ifSent<K extends string, V>(field: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [field]: value } as { readonly [P in K]?: V }); // a computed key loses its type
}

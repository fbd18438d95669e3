import { isFailurePattern } from '@agentfleet/errors';
import { FieldReader, type Parsed } from '../platform/field-reader';
import { isJsonObject } from '../platform/json';
import { hasCodePoints } from '../platform/text';
import { BRIDGE_DIALECT } from './dialect';
import { AGENT_NAME_RULE } from './names';
import { VPS_APIS, VPS_PROTOCOLS, type VpsApi, type VpsProtocol } from './wire';

/** A registration as the bridge works with it, defaults filled in. The host is judged by the bridge's address policy. */
export interface VpsRegistration {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly protocol: VpsProtocol;
  readonly authToken: string | null;
  readonly timeoutSeconds: number;
  readonly maxRetries: number;
  /** Without the agent's own name and without repetitions. */
  readonly fallbackAgents: readonly string[];
  readonly api: VpsApi;
  /** Null: the agent's name. */
  readonly model: string | null;
  readonly streaming: boolean;
  /** Null: the default lists. */
  readonly retryOn: readonly string[] | null;
  readonly fallbackOn: readonly string[] | null;
}

export type VpsParsedRegistration = Parsed<VpsRegistration> | { readonly ok: false; readonly problems: readonly []; readonly unknownProtocol: string };

const TOKEN = {
  says: 'must be a string of 1 to 4096 visible ASCII characters',
  accepts: (value: string) => /^[\x21-\x7e]{0,4096}$/.test(value),
};
const MODEL = { says: 'must be a string of 1 to 256 characters', accepts: (value: string) => hasCodePoints(value, 1, 256) };
const HOST = { says: 'must be a string', accepts: () => true };
const PATTERN = {
  says: 'is a failure type (such as TIMEOUT), an error code (such as refused), a status (such as 503), 4xx or 5xx',
  accepts: isFailurePattern,
};
const NOT_YET = 'is not supported by this bridge yet: register the agent with host and port';
const ONLY_WITH_CLUSTER = 'is only for agents behind a cluster (with cluster_id)';

/** Parses the body of `POST /api/vps/register`. A known field that this bridge cannot honour is refused, never ignored. */
export function parseVpsRegistration(body: unknown): VpsParsedRegistration {
  if (!isJsonObject(body)) return { ok: false, problems: [{ field: 'body', message: 'must be a JSON object' }] };
  const reader = new FieldReader(body, BRIDGE_DIALECT);
  if (reader.raw('cluster_id') !== undefined) {
    reader.refuse('cluster_id', NOT_YET);
    return { ok: false, problems: reader.problems }; // host and port would rightly be missing
  }
  refuseClusterFields(reader);
  const name = reader.required('name', reader.text('name', AGENT_NAME_RULE));
  const host = reader.required('host', reader.text('host', HOST));
  const port = reader.required('port', reader.integer('port', 1, 65535));
  const protocol = readProtocol(reader);
  const rest = readOptions(reader, name ?? '');
  if (name === undefined || host === undefined || port === undefined || reader.problems.length > 0) {
    return { ok: false, problems: reader.problems };
  }
  if (protocol.known === null) return { ok: false, problems: [], unknownProtocol: protocol.text };
  return { ok: true, value: { name, host, port, protocol: protocol.known, ...rest } };
}

function readOptions(reader: FieldReader, ownName: string): Omit<VpsRegistration, 'name' | 'host' | 'port' | 'protocol'> {
  const fallbacks = reader.texts('fallback_agents', 16, AGENT_NAME_RULE) ?? [];
  return {
    authToken: reader.text('auth_token', TOKEN) || null,
    timeoutSeconds: reader.integer('timeout_seconds', 1, 600) ?? 30,
    maxRetries: reader.integer('max_retries', 1, 10) ?? 3,
    fallbackAgents: [...new Set(fallbacks)].filter((name) => name !== ownName),
    api: reader.oneOf('api', VPS_APIS) ?? 'messages',
    model: reader.text('model', MODEL) ?? null,
    streaming: reader.flag('streaming') ?? false,
    retryOn: reader.texts('retry_on', 20, PATTERN) ?? null,
    fallbackOn: reader.texts('fallback_on', 20, PATTERN) ?? null,
  };
}

function refuseClusterFields(reader: FieldReader): void {
  if (reader.raw('service') !== undefined) reader.refuse('service', ONLY_WITH_CLUSTER);
  const prefix = reader.raw('path_prefix');
  if (prefix !== undefined && prefix !== '') reader.refuse('path_prefix', ONLY_WITH_CLUSTER);
}

function readProtocol(reader: FieldReader): { readonly known: VpsProtocol | null; readonly text: string } {
  if (reader.raw('protocol') === undefined) return { known: 'http', text: 'http' };
  const value = reader.text('protocol', { says: `must be one of ${VPS_PROTOCOLS.join(', ')}`, accepts: () => true });
  if (value === undefined) return { known: null, text: '' };
  return { known: VPS_PROTOCOLS.find((protocol) => protocol === value) ?? null, text: value };
}

import type { AiwmAccessVariable } from '@agentfleet/contracts';

/** Names and values of the process, or a spec's own. */
export type Variables = Readonly<Record<string, string | undefined>>;

export interface AiwmAccess {
  /** Without trailing slashes; a path prefix stays. */
  readonly baseUrl: string;
  readonly agentId: string;
  readonly secret: string;
}

export interface AgentEnvironment {
  /** Null in local mode: no request at all is made. */
  readonly aiwm: AiwmAccess | null;
  readonly agentName: string;
  readonly instructionFile: string;
  /** Null: no server of its own; 0: a port of the system's choice. */
  readonly healthPort: number | null;
}

const ACCESS = ['AIWM_BASE_URL', 'AIWM_AGENT_ID', 'AIWM_AGENT_SECRET'] as const satisfies readonly AiwmAccessVariable[];

/**
 * What the variables of `envConfig` say. Without `AIWM_ENABLED` the client is on when address, id and secret are all there.
 * @throws Error that names the variable to mend.
 */
export function readAgentEnvironment(variables: Variables): AgentEnvironment {
  return {
    aiwm: isEnabled(variables) ? readAccess(variables) : null,
    agentName: variables['AGENT_NAME'] ?? 'agent',
    instructionFile: variables['AIWM_INSTRUCTION_FILE'] ?? './instruction.md',
    healthPort: readPort(variables['AGENT_HEALTH_PORT']),
  };
}

function isEnabled(variables: Variables): boolean {
  const text = variables['AIWM_ENABLED'];
  if (text === undefined) return ACCESS.every((name) => isSet(variables[name]));
  if (/^(true|1|yes)$/i.test(text)) return true;
  if (/^(false|0|no|)$/i.test(text)) return false;
  throw new Error('AIWM_ENABLED must be true or false');
}

const isSet = (value: string | undefined): value is string => value !== undefined && value !== '';

function required(variables: Variables, name: (typeof ACCESS)[number]): string {
  const value = variables[name];
  if (!isSet(value)) throw new Error(`${name} is missing; set it, or AIWM_ENABLED=false to run without AIWM`);
  return value;
}

function readAccess(variables: Variables): AiwmAccess {
  const baseUrl = required(variables, 'AIWM_BASE_URL').replace(/\/+$/, '');
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : null;
  const isUsable = url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.search === '' && url.hash === '';
  if (!isUsable) throw new Error('AIWM_BASE_URL must be an http or https address without credentials, query or fragment');
  return { baseUrl, agentId: required(variables, 'AIWM_AGENT_ID'), secret: required(variables, 'AIWM_AGENT_SECRET') };
}

function readPort(text: string | undefined): number | null {
  if (!isSet(text)) return null;
  const port = Number(text);
  if (!/^[0-9]{1,5}$/.test(text) || port > 65_535) throw new Error('AGENT_HEALTH_PORT must be a port from 0 to 65535');
  return port;
}

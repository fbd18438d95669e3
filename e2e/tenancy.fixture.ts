import { createServer, type Server } from 'node:http';
import * as os from 'node:os';
import { API_KEY_SCOPES, isJsonObject, type JsonObject } from '@agentfleet/contracts';
import { IdentityFixtures, waitFor, type StackFile } from '@agentfleet/testing';
import { mongo } from 'mongoose';

export const APPS = ['aiwm', 'vps_bridge', 'cluster_agent', 'execution_gateway'] as const;
export type App = (typeof APPS)[number];
export type RequestHeaders = Readonly<Record<string, string>>;

export interface Route {
  readonly app: App;
  readonly method: string;
  readonly path: string;
  readonly isPublic: boolean;
  readonly parameters: readonly string[];
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

const LISTS: Readonly<Record<App, string>> = { aiwm: '/agents', vps_bridge: '/api/vps/agents', cluster_agent: '/api/v1/clusters', execution_gateway: '/sessions' };
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

/** Every operation of the documents that the running apps serve. */
export async function servedRoutes(file: StackFile): Promise<Route[]> {
  const routes: Route[] = [];
  for (const app of APPS) {
    const document: JsonObject = JSON.parse(await (await fetch(`${file.urls[app]}/api-docs-json`)).text());
    for (const [path, item] of Object.entries(object(document['paths']))) {
      for (const [method, operation] of Object.entries(object(item)).filter(([name]) => METHODS.includes(name))) {
        const security = object(operation)['security'];
        const parameters = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name ?? '');
        routes.push({ app, method: method.toUpperCase(), path, isPublic: Array.isArray(security) && security.length === 0, parameters });
      }
    }
  }
  return routes;
}

const object = (value: unknown): JsonObject => (isJsonObject(value) ? value : {});
const parsed = (text: string): JsonObject => object(text === '' ? {} : JSON.parse(text));

/** The same kind of id, but nobody's: its last eight characters are changed within their class. */
export function unknownLike(id: string): string {
  const next = (letter: string) => {
    if (/[0-9]/.test(letter)) return String((Number(letter) + 3) % 10);
    if (/[a-f]/.test(letter)) return letter === 'f' ? 'a' : String.fromCharCode(letter.charCodeAt(0) + 1);
    return /[g-y]/.test(letter) ? String.fromCharCode(letter.charCodeAt(0) + 1) : letter;
  };
  return id.slice(0, -8) + [...id.slice(-8)].map(next).join('');
}

export async function send(url: string, method: string, headers: RequestHeaders, body?: object): Promise<Answer> {
  const response = await fetch(url, {
    method,
    redirect: 'manual',
    signal: AbortSignal.timeout(8000),
    headers: { ...(body ? { 'Content-Type': 'application/json' } : {}), ...headers },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  return { status: response.status, text: await (isStream(response) ? firstWords(response) : response.text()) };
}

const isStream = (response: Response): boolean => (response.headers.get('content-type') ?? '').startsWith('text/event-stream');

/** A stream of events does not end: what comes first is enough. */
async function firstWords(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const chunk = await reader?.read();
  await reader?.cancel();
  return new TextDecoder().decode(chunk?.value);
}

/** A tenant with one of everything, and a second one that has nothing but credentials. */
export interface Tenants {
  readonly ownerHeaders: Readonly<Record<App, RequestHeaders>>;
  readonly ownerOrgId: string;
  readonly strangerOrgId: string;
  /** Who knocks: by name, with headers. */
  readonly strangers: Readonly<Record<string, RequestHeaders>>;
  /** A key of the second organization with this scope alone, by scope. */
  readonly scopedKeys: Readonly<Record<string, RequestHeaders>>;
  /** The key that the owner's cluster was registered with. */
  readonly clusterKey: RequestHeaders;
  /** The owner's ids by collection (AIWM) or kind; see `idFor`. */
  readonly ids: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** The owner's id for a path parameter, by what the resource of the path is called; "" when nothing was prepared for it. */
export function idFor({ app, path }: Route, parameter: string, ids: Tenants['ids']): string {
  if (app === 'aiwm') return ids[path.split('/')[1] ?? ''] ?? '';
  if (parameter === 'name') return ids['vpsAgent'] ?? '';
  if (parameter === 'callId') return ids['vpsCall'] ?? '';
  if (parameter === 'cluster_id') return ids['cluster'] ?? '';
  if (parameter === 'runId') return ids['run'] ?? '';
  if (parameter === 'id') return ids[app === 'vps_bridge' ? 'vpsSession' : 'session'] ?? '';
  return '';
}

function startVpsAgent(): Promise<{ port: number; server: Server }> {
  const server = createServer((request, response) => {
    request.resume().once('end', () => response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"content":"hello"}'));
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({ port: typeof address === 'object' && address ? address.port : 0, server });
    });
  });
}

async function make(url: string, headers: RequestHeaders, body: object, field: string): Promise<string> {
  const answer = await send(url, 'POST', headers, body);
  if (answer.status >= 300) throw new Error(`POST ${url}: ${answer.status} ${answer.text}`);
  return String(parsed(answer.text)[field]);
}

const SCHEMA = { inputSchema: { type: 'object' }, outputSchema: { type: 'object' } };
export const BODIES = {
  instructions: { name: 'tenant-one-instruction', systemPrompt: 'You are a helpful AI assistant.' },
  tools: { name: 'tenant-one-tool', type: 'builtin', description: 'Reads files', category: 'system', schema: SCHEMA, scope: 'org' },
  nodes: { name: 'tenant-one-node', role: ['worker'] },
  agents: { name: 'tenant-one-agent' },
  'api-keys': { name: 'tenant-one-key', scopes: ['agents:read'] },
  organizations: { name: 'tenant-renamed' },
  users: { status: 'suspended' },
} as const;

async function makeAiwmThings(base: string, owner: RequestHeaders): Promise<Record<string, string>> {
  const ids: Record<string, string> = {};
  for (const collection of ['instructions', 'tools', 'nodes', 'agents', 'api-keys'] as const) {
    ids[collection] = await make(`${base}/${collection}`, owner, BODIES[collection], '_id');
  }
  return ids;
}

async function makeBridgeThings(base: string, owner: RequestHeaders, port: number): Promise<Record<string, string>> {
  const vpsAgent = 'tenant-one-vps-agent-0001';
  const vpsSession = 'tenant-one-vps-session-0001';
  await make(`${base}/api/vps/register`, owner, { name: vpsAgent, host: '127.0.0.1', port }, 'agent_name');
  await make(`${base}/api/vps/call`, owner, { agent_name: vpsAgent, prompt: 'hello', session_id: vpsSession, user_id: 'tenant-one-user' }, 'agent_name');
  const vpsCall = await waitFor('the record of the call', async () => {
    const calls = parsed((await send(`${base}/api/vps/calls`, 'GET', owner)).text)['calls'];
    return Array.isArray(calls) ? object(calls[0])['call_id'] : undefined;
  });
  return { vpsAgent, vpsSession, vpsCall: String(vpsCall) };
}

async function makeGatewayThings(base: string, owner: RequestHeaders): Promise<Record<string, string>> {
  const session = await make(`${base}/sessions`, owner, { user_id: 'tenant-one-user' }, 'session_id');
  const run = await make(`${base}/sessions/${session}/runs`, owner, { user_input: 'hello' }, 'run_id');
  await waitFor('the end of the run', async () => parsed((await send(`${base}/sessions/${session}/runs/${run}`, 'GET', owner)).text)['ended_at'] != null);
  return { session, run };
}

export async function makeTenants(file: StackFile): Promise<Tenants> {
  const client = await mongo.MongoClient.connect(file.mongodb_uri, { runtimeAdapters: { os } });
  const identity = new IdentityFixtures(client.db());
  const [ownerOrgId, strangerOrgId] = [await identity.organization('tenant-one'), await identity.organization('tenant-two')];
  const ownerUser = await identity.user({ roles: ['organization.owner'], orgId: ownerOrgId });
  const owner = ownerUser.headers;
  const stranger = await identity.user({ roles: ['organization.owner'], orgId: strangerOrgId });
  const register = await identity.apiKey({ scopes: ['cluster:register'], orgId: ownerOrgId });
  const key = await identity.apiKey({ scopes: [...API_KEY_SCOPES], orgId: strangerOrgId });
  const agent = { Authorization: `Bearer ${await identity.agentToken({ orgId: strangerOrgId })}` };
  const scopedKeys: Record<string, RequestHeaders> = {};
  for (const scope of API_KEY_SCOPES) scopedKeys[scope] = (await identity.apiKey({ scopes: [scope], orgId: strangerOrgId })).headers;
  const vps = await startVpsAgent();
  // An app reads new signing keys at most every 5 s.
  for (const app of APPS) {
    await waitFor(`${app} to take the fixture's tokens`, async () => (await send(`${file.urls[app]}${LISTS[app]}`, 'GET', owner)).status === 200, { everyMs: 250 });
  }
  const ids = {
    organizations: ownerOrgId,
    users: ownerUser.id,
    ...(await makeAiwmThings(file.urls.aiwm, owner)),
    ...(await makeBridgeThings(file.urls.vps_bridge, owner, vps.port)),
    ...(await makeGatewayThings(file.urls.execution_gateway, owner)),
    cluster: await make(`${file.urls.cluster_agent}/api/v1/clusters/agent/register`, register.headers, { agent_id: 'tenant-one-cluster-agent', name: 'tenant-one-cluster' }, 'cluster_id'),
  };
  return {
    ownerHeaders: { aiwm: owner, vps_bridge: owner, cluster_agent: owner, execution_gateway: owner },
    ownerOrgId,
    strangerOrgId,
    strangers: { user: stranger.headers, 'user naming the other organization': { ...stranger.headers, 'X-Organization-Id': ownerOrgId }, key: key.headers, agent },
    scopedKeys,
    clusterKey: register.headers,
    ids,
    close: async () => {
      vps.server.closeAllConnections();
      await new Promise((resolve) => vps.server.close(resolve));
      await client.close();
    },
  };
}

import { join } from 'node:path';
import { UserError } from '../workspace/progress.mjs';

/** The four apps in the order in which they are shown; `key` is their name in stack.json. */
export const APPS = [
  { name: 'aiwm', key: 'aiwm', portVariable: 'AIWM_PORT', port: 3305 },
  { name: 'vps-bridge', key: 'vps_bridge', portVariable: 'VPS_BRIDGE_PORT', port: 18789 },
  { name: 'cluster-agent', key: 'cluster_agent', portVariable: 'CLUSTER_AGENT_PORT', port: 3306 },
  { name: 'execution-gateway', key: 'execution_gateway', portVariable: 'UA_GATEWAY_PORT', port: 8002 },
];

const WILDCARDS = new Set(['0.0.0.0', '::', '']);

/** The address under which this machine reaches something that listens on `host`. */
export function reachableHost(host) {
  if (WILDCARDS.has(host)) return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

/**
 * What is to be started: one entry for each process, `{id, name, key, portVariable, port, url, index}`. A further
 * replica gets the next port that no other process of this stack has.
 * @param {Record<string, number>} replicas by app name; 1 where none is given
 */
export function planProcesses(variables, replicas) {
  const host = variables.HOST || '127.0.0.1';
  const first = APPS.map((app) => ({ ...app, port: portOf(app, variables) }));
  const taken = new Map();
  for (const app of first) {
    const other = taken.get(app.port);
    if (other) throw new UserError(`${app.portVariable} and ${other} are both ${app.port}; give one of them another port`);
    taken.set(app.port, app.portVariable);
  }
  const plan = [];
  for (const app of first) {
    let port = app.port;
    for (let index = 0; index < (replicas[app.name] ?? 1); index++) {
      if (index > 0) {
        do port++;
        while (taken.has(port));
        taken.set(port, app.portVariable);
      }
      const id = index === 0 ? app.name : `${app.name}-${index + 1}`;
      plan.push({ ...app, id, index, port, url: `http://${reachableHost(host)}:${port}` });
    }
  }
  return plan;
}

function portOf(app, variables) {
  const text = variables[app.portVariable];
  if (text === undefined || text === '') return app.port;
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65535) return port;
  throw new UserError(`${app.portVariable} must be a port from 1 to 65535, not ${JSON.stringify(text)}`);
}

/**
 * The environment of one process: everything that npm start was given, then what this stack decides, then defaults
 * that follow from its ports.
 */
export function processEnvironment(entry, plan, { variables, mongodbUri, redisUrl, dataDirectory, secrets }) {
  const url = (name) => plan.find((other) => other.name === name).url;
  const aiwmPort = plan.find((other) => other.name === 'aiwm').port;
  const defaults = {
    CORS_ORIGINS: [...new Set([url('aiwm'), `http://127.0.0.1:${aiwmPort}`, `http://localhost:${aiwmPort}`])].join(','),
    VPS_ALLOW_LOOPBACK: 'true',
    AIWM_PUBLIC_URL: url('aiwm'),
    CLUSTER_PUBLIC_URL: url('cluster-agent'),
    RUNTIME_PUBLIC_URL: `${url('execution-gateway')}/runtime`,
    // All replicas are on this machine; its own name need not resolve.
    INTERNAL_URL: entry.url,
    // From Node 22 on: compiled modules are kept, which saves a quarter of an app's start.
    NODE_COMPILE_CACHE: join(dataDirectory, 'compile-cache'),
  };
  return {
    ...variables,
    ...missingOf(defaults, variables),
    HOST: variables.HOST || '127.0.0.1',
    ...Object.fromEntries(APPS.map((app) => [app.portVariable, String(plan.find((other) => other.name === app.name).port)])),
    [entry.portVariable]: String(entry.port),
    MONGODB_URI: mongodbUri,
    REDIS_URL: redisUrl,
    DATA_DIR: dataDirectory,
    ...secretsFor(entry, secrets),
  };
}

/** Each app gets only the secrets that it uses: only aiwm signs tokens and makes the first administrator. */
function secretsFor({ name }, secrets) {
  const own = {
    aiwm: {
      JWT_PRIVATE_KEY: secrets.JWT_PRIVATE_KEY,
      AIWM_ADMIN_EMAIL: secrets.AIWM_ADMIN_EMAIL,
      AIWM_ADMIN_PASSWORD: secrets.AIWM_ADMIN_PASSWORD,
    },
    'vps-bridge': { BRIDGE_API_KEY: secrets.BRIDGE_API_KEY },
    'execution-gateway': { GATEWAY_API_KEY: secrets.GATEWAY_API_KEY },
  };
  return { SECRETS_KEY: secrets.SECRETS_KEY, ...own[name] };
}

/** Defaults for variables that are not given; a variable given as empty text counts as not given. */
function missingOf(defaults, variables) {
  return Object.fromEntries(Object.entries(defaults).filter(([name]) => !variables[name]));
}

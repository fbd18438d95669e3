import { writePrivateFile } from '../workspace/files.mjs';
import { APPS } from './apps.mjs';

/**
 * The content of DATA_DIR/stack.json, which tells tools and tests where everything is.
 * @param plan the processes (apps.mjs) @param {Map<string, number>} pids by process id in the plan
 */
export function stackDocument({ plan, pids, mongodbUri, redisUrl, secrets, clusterToken }) {
  const first = (key) => plan.find((entry) => entry.key === key && entry.index === 0);
  const byKey = (value) => Object.fromEntries(APPS.map(({ key }) => [key, value(first(key))]));
  const replicated = APPS.filter(({ key }) => plan.filter((entry) => entry.key === key).length > 1);
  const replicas = replicated.map(({ key }) => [
    key,
    plan.filter((entry) => entry.key === key).map(({ id, url }) => ({ url, pid: pids.get(id) ?? null })),
  ]);
  return {
    urls: { ...byKey((entry) => entry.url), dashboard: `${first('aiwm').url}/` },
    pids: byKey((entry) => pids.get(entry.id) ?? null),
    mongodb_uri: mongodbUri,
    redis_url: redisUrl,
    admin: { email: secrets.AIWM_ADMIN_EMAIL, password: secrets.AIWM_ADMIN_PASSWORD },
    api_keys: { gateway: secrets.GATEWAY_API_KEY, bridge: secrets.BRIDGE_API_KEY },
    cluster_token: clusterToken ?? null,
    ...(replicas.length > 0 ? { replicas: Object.fromEntries(replicas) } : {}),
  };
}

export function writeStackFile(file, content) {
  writePrivateFile(file, `${JSON.stringify(content, null, 2)}\n`);
}

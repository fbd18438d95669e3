import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { APPS } from '../stack/apps.mjs';
import { spread } from './measure.mjs';

/** From the start of a process to its readiness after `kill -9`, for each app: what a caller waits for at a crash, since the supervisor starts it again at once. */
export async function bootRows({ processes, report, rounds }) {
  const servers = JSON.parse((await processes.script('tools/test-servers.mjs')).line);
  const mongodb = new URL(servers.mongodb_uri);
  mongodb.pathname = '/bench_boot';
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const cache = mkdtempSync(join(tmpdir(), 'agentfleet-bench-cache-'));
  const env = {
    MONGODB_URI: mongodb.toString(),
    REDIS_URL: servers.redis_url,
    SECRETS_KEY: `bench:${randomBytes(32).toString('base64')}`,
    JWT_PRIVATE_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    AIWM_ADMIN_PASSWORD: 'bench-admin-password',
    BRIDGE_API_KEY: `bench-${randomBytes(16).toString('hex')}`,
    GATEWAY_API_KEY: `bench-${randomBytes(16).toString('hex')}`,
    NODE_COMPILE_CACHE: cache, // as npm start sets it
  };
  report.section('Boot: from the start of the process to readiness, everything being there');
  try {
    for (const { name, portVariable, key } of APPS) {
      const first = await processes.app(name, portVariable, env);
      await processes.end(first.pid, 'SIGTERM'); // the compile cache is written at the end of a process
      const boots = [];
      for (let round = 0; round < rounds; round++) {
        const { pid, readyMs } = await processes.app(name, portVariable, env);
        await processes.end(pid, 'SIGKILL');
        boots.push(readyMs);
      }
      report.row({ id: `boot.${key}_ms`, name: `${name}: ready after kill -9, ms`, value: spread(boots, (ms) => ms), digits: 0, atMost: 1200 });
    }
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
}

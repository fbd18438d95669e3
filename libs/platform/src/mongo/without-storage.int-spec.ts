import { bootReplicas, freePort, type Replicas } from '@agentfleet/testing';
import { bootApp, type RunningApp } from '../boot-app';
import { probeApp } from '../probe-app.fixture';

let fleet: Replicas<typeof probeApp, RunningApp>;
let token: string;

beforeAll(async () => {
  fleet = await bootReplicas(bootApp, probeApp, 0, { MONGODB_URI: `mongodb://127.0.0.1:${await freePort()}/x?replicaSet=none` });
  token = (await fleet.identity.user({ roles: ['organization.viewer'] })).token;
  fleet.all.push(await bootApp(probeApp, { env: fleet.env })); // is never ready, which `fleet.boot` would wait for
});
afterAll(() => fleet.close());

const get = async (path: string, headers: Record<string, string> = {}) => {
  const startedAt = performance.now();
  const answer = await fleet.http(headers).get(path);
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), ms: performance.now() - startedAt };
};

test('an app without MongoDB is alive, not ready, and says 503 within 3 s, never 401 for what it cannot check', async () => {
  expect((await get('/health/live')).status).toBe(200);
  expect((await get('/health/ready')).status).toBe(503);
  expect((await get('/metrics')).status).toBe(200);
  const credentials: Record<string, string>[] = [{ Authorization: `Bearer ${token}` }, { 'X-API-Key': 'afk_abcdefghijklmnopqrstuvwxyz' }, { 'X-API-Key': 'a-static-key-of-the-probe' }];
  for (const headers of credentials) {
    const answer = await get('/p/me', headers);
    expect([answer.status, answer.retryAfter, answer.ms < 3000]).toEqual([503, '1', true]);
  }
  expect((await get('/p/query')).status).toBe(503);
  expect((await get('/p/me')).status).toBe(401);
  expect((await get('/p/me', { Authorization: 'Bearer nonsense' })).status).toBe(401);
});

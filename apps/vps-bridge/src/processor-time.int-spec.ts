import { bootApp, type RunningApp } from '@agentfleet/platform';
import { testDatabase, type TestDatabase } from '@agentfleet/testing';
import { vpsBridgeApp } from './app';

const KEY = 'a-static-key-of-the-bridge';
let database: TestDatabase;
let app: RunningApp;

beforeAll(async () => {
  database = await testDatabase();
  app = await bootApp(vpsBridgeApp, { env: { ...database.env, BRIDGE_API_KEY: KEY, LOG_LEVEL: 'silent' } });
  await app.services.lifecycle.whenReady();
});
afterAll(async () => {
  await app.close();
  await database.drop();
});

/** Milliseconds of processor that the process spends on a request, at best. */
async function cpuMs(path: string, body: string, headers: Readonly<Record<string, string>>): Promise<number> {
  let least = Infinity;
  for (let n = 0; n < 3; n++) {
    const from = process.cpuUsage();
    const response = await fetch(`${app.url}/api/vps/${path}`, { method: 'POST', headers: { 'X-API-Key': KEY, 'content-type': 'application/json', ...headers }, body });
    await response.text();
    const { user, system } = process.cpuUsage(from);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

const many = (count: number, item: (n: number) => string) => Array.from({ length: count }, (_, n) => item(n)).join(',');
const CALL = '"agent_name":"nobody","prompt":"p"';
const AGENT = '"name":"a","host":"10.0.0.1","port":1';
const ROUTES = ['call', 'call/async', 'call/stream', 'register'];
const BODIES: readonly [name: string, routes: readonly string[], body: (size: number) => string][] = [
  ['unknown keys', ROUTES, (size) => `{${CALL},${AGENT},${many(size, (n) => `"k${n}":1`)}}`],
  ['unknown objects', ROUTES, (size) => `{${CALL},${AGENT},"x":[${many(size, (n) => `{"k${n}":{}}`)}]}`],
  ['keys of metadata', ROUTES, (size) => `{${CALL},"metadata":{${many(size, (n) => `"${n}":1`)}}}`],
  ['entries of metadata', ROUTES, (size) => `{${CALL},"metadata":{"a":[${many(size, (n) => `"\\u00e4${n}"`)}]}}`],
  ['nested metadata', ROUTES, (size) => `{${CALL},"metadata":{"a":[${many(size / 50, () => `${'['.repeat(60)}${']'.repeat(60)}`)}]}}`],
  ['fallbacks', ['register'], (size) => `{${AGENT},"fallback_agents":[${many(size, (n) => `"f${n}"`)}],"retry_on":[${many(size, () => '"5xx"')}]}`],
  ['texts', ROUTES, (size) => `{"agent_name":"${'é'.repeat(size)}","prompt":"${'😀'.repeat(10 * size)}","session_id":"${'x'.repeat(size)}","auth_token":"${'t'.repeat(size)}","host":"${'a.'.repeat(size)}"}`],
  ['sessions of a file', ['sessions/import'], (size) => `{"sessions":{${many(size, (n) => session(`s${n}`, ''))},"bad":1}}`],
  ['messages of a file', ['sessions/import'], (size) => `{"sessions":{${session('s', many(size, () => '{"role":"user","content":"x","timestamp":"2026-02-18T21:30:00.000Z"}'))},"bad":1}}`],
  ['faults of a file', ['sessions/import'], (size) => `{"sessions":{${many(size, (n) => `"s${n}":{}`)}}}`],
  ['metadata of a file', ['sessions/import'], (size) => `{"sessions":{${session('s', '', `{${many(size, (n) => `"${n}":1`)}}`)},"bad":1}}`],
];

function session(id: string, messages: string, metadata = '{}'): string {
  return `"${id}":{"session_id":"${id}","user_id":"u","created_at":"2026-02-18T21:30:00.000Z","messages":[${messages}],"metadata":${metadata}}`;
}

it.each(BODIES)('%s cost no more than in proportion to their number', async (_name, routes, bodyOf) => {
  const keyed = (route: string): Readonly<Record<string, string>> => (route.startsWith('call') ? { 'Idempotency-Key': 'of a large body' } : {});
  for (const route of routes) {
    const [small, large] = [await cpuMs(route, bodyOf(5_000), keyed(route)), await cpuMs(route, bodyOf(20_000), keyed(route))];
    expect(large).toBeLessThan(8 * Math.max(small, 15)); // with the square it is sixteen times as much
  }
}, 60_000);

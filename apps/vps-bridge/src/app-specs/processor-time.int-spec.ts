import { bootApp, type RunningApp } from '@agentfleet/platform';
import { bootReplicas, jsonItems as many, processorTimeGrowth, type Replicas } from '@agentfleet/testing';
import { vpsBridgeApp } from '../app';

const KEY = 'a-static-key-of-the-bridge';
let fleet: Replicas<typeof vpsBridgeApp, RunningApp>;

beforeAll(async () => {
  fleet = await bootReplicas(bootApp, vpsBridgeApp, 1, { BRIDGE_API_KEY: KEY });
});
afterAll(() => fleet.close());

async function post(path: string, body: string): Promise<void> {
  const keyed: Readonly<Record<string, string>> = path.startsWith('call') ? { 'Idempotency-Key': 'of a large body' } : {};
  await fleet.http({ 'X-API-Key': KEY, ...keyed }).ask('POST', `/api/vps/${path}`, { raw: body });
}

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
  for (const route of routes) {
    const work = (size: number) => post(route, bodyOf(size));
    expect([route, await processorTimeGrowth({ from: 5_000, to: 20_000, noiseMs: 15, work })]).toEqual([route, 'in proportion']);
  }
}, 120_000);

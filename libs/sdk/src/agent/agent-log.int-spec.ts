import { connected, NEW_CONFIGURATION, scenes, SECRET, soon } from './agent-client.fixture';

const setUp = scenes();
const OK = { status: 200, body: { success: true } };
/** Tokens and secrets with no repetition in them, so that a found piece is one of them. */
const FIRST = 'eyJhbGciOiJFUzI1NiIsImtpZCI6Ik1xT1pHIn0.first-abcdefghijklmnopqrstuvwxyz';
const SECOND = 'zyxwvutsrqponmlkjihgfedcba.second-0918273645QWERTZUIOPASDFGHJKLYXCVBNM';
const DISCORD = 'MTA4discord-bot-token-of-the-agent';

/** Every piece of 11 characters of the text. */
const pieces = (text: string) => Array.from({ length: text.length - 10 }, (_, index) => text.slice(index, index + 11));

test('a whole life leaves no more than ten characters of a secret in the log, and names every request', async () => {
  const known = new Set<string>([SECRET]);
  const bad = () => {
    throw new Error(`agent trouble with ${[...known].join(' and ')}`);
  };
  const { aiwm, client, clock, log } = await setUp({ status: bad, metrics: bad });
  client.on('connected', () => void known.add(client.token ?? ''));
  for (const name of ['connected', 'configuration', 'mode', 'stopped'] as const) client.on(name, bad);
  const settings = { discord: { token: DISCORD } };
  aiwm.answer('connect', { status: 503, body: { code: `NO_${SECRET}`, message: SECRET } }, { status: 200, raw: `{"token":"${FIRST}"` }, connected({ token: FIRST, settings }), { status: 401, body: { code: SECRET } }, connected({ token: SECOND, settings }));
  aiwm.answer('heartbeat', { status: 500, body: { code: 'INTERNAL', message: FIRST } }, { ...OK, body: { success: true, configRevision: 8 } }, { status: 401, body: { code: FIRST } }, OK);
  aiwm.answer('config', { status: 200, body: { ...NEW_CONFIGURATION, settings: { ...settings, resume: true } } });
  const starting = client.start();
  await clock.pass(1000);
  await starting;
  expect(client.health().aiwm.mode).toBe('local');
  await clock.pass(300_000);
  await aiwm.reached('heartbeat', 1);
  await clock.pass(60_000);
  await aiwm.reached('config', 1);
  await clock.pass(60_000);
  await soon('local mode', () => client.health().aiwm.mode === 'local');
  await clock.pass(300_000);
  await soon('the second token', () => client.token === SECOND);
  await aiwm.reached('heartbeat', 4);
  await client.stop(`over, ${SECRET}`);
  const text = log.join('\n');
  for (const secret of [SECRET, FIRST, SECOND, DISCORD]) expect(pieces(secret).filter((piece) => text.includes(piece))).toEqual([]);
  expect([known.size, text.includes('agent trouble with')]).toEqual([3, true]);
  expect(new Set(aiwm.journal.map((line) => line.slice(2)))).toEqual(new Set(['connect', 'heartbeat', 'config', 'disconnect']));
  for (const { headers, path } of aiwm.seen) {
    const id = String(headers['x-correlation-id']);
    expect(id).toMatch(/^[A-Za-z0-9._-]{1,128}$/);
    expect(log.filter((line) => line.includes(id) && line.includes(path.split('/').at(-1) ?? '?'))).toHaveLength(1);
  }
  expect(new Set(aiwm.seen.map(({ headers }) => headers['x-correlation-id'])).size).toBe(aiwm.seen.length);
});

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[^}]*\})? (\d+)$/;

/** A strict reader of the text format: each sample after its HELP and TYPE, each name once. */
function parseCounters(text: string): Record<string, number> {
  expect(text.endsWith('\n')).toBe(true);
  const lines = text.slice(0, -1).split('\n');
  const counters: Record<string, number> = {};
  for (let at = 0; at < lines.length; at += 3) {
    const [, name = '', labels, value] = SAMPLE.exec(lines[at + 2] ?? '') ?? [];
    expect([lines[at]?.startsWith(`# HELP ${name} `), lines[at + 1], labels, name in counters]).toEqual([true, `# TYPE ${name} counter`, undefined, false]);
    counters[name] = Number(value);
  }
  return counters;
}

test('the counters are Prometheus text and count what happened', async () => {
  const { aiwm, client, clock } = await setUp({ variables: { AGENT_HEALTH_PORT: '0' } });
  const zero = { aiwm_connection_success_total: 0, aiwm_connection_failure_total: 0, aiwm_heartbeat_success_total: 0, aiwm_heartbeat_failure_total: 0, aiwm_token_refresh_total: 0, aiwm_config_update_total: 0 };
  expect(parseCounters(client.metrics())).toEqual(zero);
  aiwm.answer('connect', { status: 500 }, connected());
  aiwm.answer('heartbeat', OK, { status: 500 }, { ...OK, body: { success: true, configRevision: 8 } }, OK);
  aiwm.answer('config', { status: 200, body: NEW_CONFIGURATION });
  const starting = client.start();
  await clock.pass(1000);
  await starting;
  for (const beat of [2, 3]) {
    await aiwm.reached('heartbeat', beat - 1);
    await clock.pass(60_000);
  }
  await soon('the configuration', () => client.configuration.revision === 8);
  expect(await client.renewToken()).toBe(true);
  await soon('the beat after it', () => client.counter('aiwm_heartbeat_success_total') === 3);
  const response = await fetch(`http://127.0.0.1:${client.healthPort}/metrics`);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  // the renewed connect brings revision 7 again: a second change
  expect(parseCounters(await response.text())).toEqual({ ...zero, aiwm_connection_success_total: 2, aiwm_connection_failure_total: 1, aiwm_heartbeat_success_total: 3, aiwm_heartbeat_failure_total: 1, aiwm_token_refresh_total: 1, aiwm_config_update_total: 2 });
});

test('health is 200 while the agent works, also in local mode, and 503 when it is stopped', async () => {
  const { aiwm, client, clock } = await setUp({ variables: { AGENT_HEALTH_PORT: '0' } });
  aiwm.answer('connect', { status: 401, body: { code: 'INVALID_CREDENTIALS' } }, connected(), { status: 401, body: { code: 'AGENT_SUSPENDED' } });
  await client.start();
  const ask = async () => {
    const response = await fetch(`http://127.0.0.1:${client.healthPort}/health`);
    return [response.status, await response.json()];
  };
  expect(await ask()).toEqual([200, { status: 'degraded', aiwm: { mode: 'local', connected: false, lastHeartbeatAt: null, lastError: 'connect: 401 INVALID_CREDENTIALS', tokenExpiresAt: null, configRevision: null } }]);
  await clock.pass(300_000);
  await soon('a heartbeat', () => client.health().aiwm.lastHeartbeatAt !== null);
  expect(await ask()).toEqual([200, { status: 'ok', aiwm: { mode: 'aiwm', connected: true, lastHeartbeatAt: expect.any(String), lastError: null, tokenExpiresAt: expect.any(String), configRevision: 7 } }]);
  await client.renewToken();
  expect(await ask()).toMatchObject([503, { status: 'degraded', aiwm: { mode: 'stopped', connected: false, suspended: true, tokenExpiresAt: null } }]);
  const other = await fetch(`http://127.0.0.1:${client.healthPort}/other`);
  expect(other.status).toBe(404);
});

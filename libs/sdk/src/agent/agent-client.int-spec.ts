import { connected, scenes, SECRET, soon, type Reply } from './agent-client.fixture';
import { AgentClient } from './agent-client';

const setUp = scenes();

test('connects below a path prefix, takes the configuration over and beats at once', async () => {
  const { aiwm, client, log } = await setUp({ prefix: '/dev/aiwm/', metrics: () => ({ jobs: 3 }), status: () => 'busy' });
  await client.start();
  const connect = await aiwm.reached('connect', 1);
  expect([connect.method, connect.path, connect.body]).toEqual(['POST', '/dev/aiwm/agents/a1/connect', { secret: SECRET }]);
  expect(client.configuration).toMatchObject({ instruction: 'Be kind.', tools: [{ name: 'read-file' }], revision: 7 });
  const beat = await aiwm.reached('heartbeat', 1);
  expect(beat.headers.authorization).toBe('Bearer token-0123456789-first');
  expect(beat.body).toMatchObject({ status: 'busy', configRevision: 7, metrics: { jobs: 3, cpu: expect.any(Number), memoryMb: expect.any(Number), uptimeS: expect.any(Number), activeConnections: expect.any(Number) } });
  expect(connect.headers['x-correlation-id']).toMatch(/^[0-9a-f-]{36}$/);
  await soon('the log', () => log.some((line) => line.includes(String(connect.headers['x-correlation-id']))));
  expect(log.join('\n')).not.toContain(SECRET.slice(0, 11));
  expect(log.join('\n')).not.toContain('token-01234');
});

test('what is present in AIWM wins over the environment, whatever its truth', async () => {
  const { client } = await setUp({ variables: { CLAUDE_RESUME: 'true', CLAUDE_MAX_TURNS: '50', CLAUDE_MODEL: 'from-environment' } });
  await client.start();
  const { settings } = client;
  expect(settings.flag('CLAUDE_RESUME', true)).toEqual({ value: false, source: 'aiwm' });
  expect(settings.number('CLAUDE_MAX_TURNS', 100)).toEqual({ value: 0, source: 'aiwm' });
  expect(settings.text('CLAUDE_MODEL', 'default')).toEqual({ value: 'from-environment', source: 'environment' });
  expect(settings.text('CLAUDE_PERMISSION_MODE', 'ask')).toEqual({ value: 'ask', source: 'default' });
  expect(settings.list('DISCORD_CHANNEL_ID', [])).toEqual({ value: ['1', '2'], source: 'aiwm' });
});

test.each([408, 429, 500, 503])('%i at connect is tried again after 1, 2 and 4 s, then local configuration serves', async (status) => {
  const { aiwm, client, clock, log } = await setUp();
  aiwm.answer('connect', { status });
  const starting = client.start();
  for (const pause of [1000, 2000, 4000]) await clock.pass(pause);
  await starting;
  expect(aiwm.count('connect')).toBe(4);
  expect(client.counter('aiwm_connection_failure_total')).toBe(4);
  expect(client.health()).toMatchObject({ status: 'degraded', aiwm: { mode: 'local', connected: false } });
  expect(log.some((line) => line.startsWith('warn'))).toBe(true);
  aiwm.answer('connect', connected());
  await clock.pass(300_000);
  await aiwm.reached('heartbeat', 1);
  expect(client.health().aiwm).toMatchObject({ mode: 'aiwm', connected: true, configRevision: 7 });
});

test('pauses are spread by a fifth, and a longer Retry-After wins', async () => {
  const { aiwm, client, clock } = await setUp();
  clock.chance = 0;
  aiwm.answer('connect', { status: 503 }, { status: 503, headers: { 'Retry-After': '9' } }, connected());
  const starting = client.start();
  await clock.pass(800);
  await clock.pass(9000);
  await starting;
  expect(client.health().aiwm.mode).toBe('aiwm');
});

test('a request that hangs is given up after 10 s and tried again', async () => {
  const { aiwm, client, clock } = await setUp();
  aiwm.answer('connect', { status: 0, hang: true }, connected());
  const starting = client.start();
  await aiwm.reached('connect', 1);
  await clock.pass(10_000);
  await clock.pass(1000);
  await starting;
  expect(client.health().aiwm.mode).toBe('aiwm');
});

test.each([400, 401, 403])('%i at connect is not tried again; local configuration serves and AIWM is asked every five minutes', async (status) => {
  const { aiwm, client, clock, events } = await setUp();
  aiwm.answer('connect', { status, body: { code: 'INVALID_CREDENTIALS' } });
  await client.start();
  expect([client.health().aiwm.mode, client.health().aiwm.suspended]).toEqual(['local', undefined]);
  await clock.pass(300_000);
  await aiwm.reached('connect', 2);
  aiwm.answer('connect', connected());
  await clock.pass(300_000);
  await soon('the switch', () => events.some(({ name, event }) => name === 'mode' && 'to' in event && event.to === 'aiwm'));
  expect(aiwm.count('connect')).toBe(3);
  expect(events.find(({ name }) => name === 'configuration')?.event).toMatchObject({ revision: 7, previousRevision: null });
});

const malformed: readonly (readonly [string, Reply])[] = [
  ['no object', { status: 200, body: [] }],
  ['no token', connected({ token: undefined, accessToken: undefined })],
  ['a token that is no header value', connected({ token: 'a\r\nb' })],
  ['no time', connected({ expiresIn: 'soon' })],
  ['settings that are no object', connected({ settings: null })],
  ['tools that are no list', connected({ tools: {} })],
];
test.each(malformed)('an answer with %s counts as a failure', async (_what, reply) => {
  const { aiwm, client } = await setUp();
  aiwm.answer('connect', reply);
  await client.start();
  expect([client.health().aiwm.mode, client.counter('aiwm_connection_failure_total'), client.counter('aiwm_connection_success_total')]).toEqual(['local', 1, 0]);
  expect(aiwm.count('heartbeat')).toBe(0);
});

test('404 at connect stops everything', async () => {
  const { aiwm, client, clock, events, log } = await setUp();
  aiwm.answer('connect', { status: 404 });
  await client.start();
  expect(client.health().aiwm.mode).toBe('stopped');
  expect(events.at(-1)?.name).toBe('stopped');
  expect(log.some((line) => line.startsWith('error'))).toBe(true);
  expect([clock.pauses, aiwm.seen.length]).toEqual([[], 1]);
});

test('404 at a heartbeat stops everything, without a disconnect', async () => {
  const { aiwm, client, clock } = await setUp();
  aiwm.answer('heartbeat', { status: 404 });
  await client.start();
  await soon('the stop', () => client.health().aiwm.mode === 'stopped');
  await client.stop();
  expect([clock.pauses, aiwm.count('connect'), aiwm.count('disconnect')]).toEqual([[], 1, 0]);
});

test('beats at the interval that AIWM asks for, one at a time; trouble is left to the next', async () => {
  const { aiwm, client, clock } = await setUp();
  aiwm.answer('connect', connected({}, { 'X-Heartbeat-Interval': '20' }));
  aiwm.answer('heartbeat', { status: 200, body: { success: true } }, { status: 503 }, { status: 429 }, { status: 200, body: { success: true } });
  await client.start();
  for (const count of [2, 3, 4]) {
    await clock.pass(20_000);
    await aiwm.reached('heartbeat', count);
  }
  await soon('the fourth', () => client.counter('aiwm_heartbeat_success_total') === 2);
  expect([client.counter('aiwm_heartbeat_failure_total'), aiwm.count('connect'), aiwm.inFlight]).toEqual([2, 1, 0]);
  expect(client.health().status).toBe('ok');
});

test.each([401, 403])('%i at a heartbeat: one reconnect, shared, at most once a minute', async (status) => {
  const { aiwm, client, clock } = await setUp();
  await client.start();
  await aiwm.reached('heartbeat', 1);
  aiwm.answer('connect', connected({ token: 'token-0123456789-second', accessToken: undefined }));
  aiwm.answer('heartbeat', { status }, { status: 200, body: { success: true } }, { status });
  await clock.pass(60_000);
  const third = await aiwm.reached('heartbeat', 3);
  expect(third.headers.authorization).toBe('Bearer token-0123456789-second');
  expect([aiwm.count('connect'), client.counter('aiwm_token_refresh_total')]).toEqual([2, 1]);
  expect(await Promise.all([client.renewToken(), client.renewToken()])).toEqual([false, false]);
  await clock.pass(60_000);
  await aiwm.reached('connect', 3);
});

test('a reconnect that is refused falls back to local configuration', async () => {
  const { aiwm, client, clock } = await setUp();
  await client.start();
  await aiwm.reached('heartbeat', 1);
  aiwm.answer('connect', { status: 401 });
  aiwm.answer('heartbeat', { status: 401 });
  await clock.pass(60_000);
  await soon('local mode', () => client.health().aiwm.mode === 'local');
  await soon('the pause', () => clock.pauses.includes(300_000));
  expect([clock.pauses, client.token, aiwm.count('connect')]).toEqual([[300_000], null, 2]);
});

test('the token is renewed at 23/24 of its life; a failure is tried again while the old one lasts', async () => {
  const { aiwm, client, clock } = await setUp();
  clock.chance = 0;
  await client.start();
  await aiwm.reached('heartbeat', 1);
  aiwm.answer('connect', { status: 401 });
  await clock.pass(82_800_000);
  await aiwm.reached('connect', 2);
  expect(client.health().aiwm.mode).toBe('aiwm');
  aiwm.answer('connect', connected({ token: 'token-0123456789-second' }));
  await clock.pass(270_000);
  await soon('the new token', () => client.token === 'token-0123456789-second');
  expect(client.counter('aiwm_token_refresh_total')).toBe(1);
});

test('AIWM_ENABLED=false makes no request at all', async () => {
  const { aiwm, client } = await setUp({ variables: { AIWM_ENABLED: 'false', AIWM_INSTRUCTION_FILE: __filename } });
  await client.start();
  expect(client.configuration.instruction).toContain('AIWM_INSTRUCTION_FILE');
  expect(client.health()).toMatchObject({ status: 'ok', aiwm: { mode: 'local' } });
  await client.stop();
  expect(aiwm.seen).toEqual([]);
});

test('callbacks and listeners that throw do no harm', async () => {
  const bad = () => {
    throw new Error('agent trouble');
  };
  const { aiwm, client } = await setUp({ status: bad, metrics: bad });
  client.on('connected', bad);
  await client.start();
  expect((await aiwm.reached('heartbeat', 1)).body).toMatchObject({ status: 'online' });
});

test.each([
  [{ AIWM_ENABLED: 'perhaps' }, 'AIWM_ENABLED'],
  [{ AIWM_ENABLED: 'true' }, 'AIWM_BASE_URL'],
  [{ AIWM_ENABLED: 'true', AIWM_BASE_URL: 'ftp://x', AIWM_AGENT_ID: 'a', AIWM_AGENT_SECRET: 's' }, 'AIWM_BASE_URL'],
  [{ AGENT_HEALTH_PORT: '70000' }, 'AGENT_HEALTH_PORT'],
])('bad variables are named: %o', (variables, name) => {
  expect(() => new AgentClient({ variables })).toThrow(name);
});

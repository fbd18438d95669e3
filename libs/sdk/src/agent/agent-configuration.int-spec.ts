import { connected, CONNECTED, NEW_CONFIGURATION, scenes, soon, type Reply, type Scene } from './agent-client.fixture';

const setUp = scenes();
const OK = { status: 200, body: { success: true } };
const CHANGED = { status: 200, body: { success: true, configRevision: 8 } };

/** A client whose first heartbeat names revision 8, with this answer to the question for it. */
async function changing(config: Reply): Promise<Scene> {
  const made = await setUp();
  made.aiwm.answer('heartbeat', CHANGED, OK);
  made.aiwm.answer('config', config);
  await made.client.start();
  await made.aiwm.reached('config', 1);
  return made;
}

test('a changed configuration tells both revisions and every key, and later heartbeats name the new one', async () => {
  const settings = { maxTurns: 0, discord: { channelIds: ['1', '3'] }, added: null };
  const { aiwm, client, clock, events } = await changing({ status: 200, body: { ...NEW_CONFIGURATION, settings, mcpServers: { search: { type: 'http', url: 'http://tools/search' } } } });
  await soon('the event', () => events.some(({ name }) => name === 'configuration'));
  expect(events.filter(({ name }) => name === 'configuration').map(({ event }) => event)).toEqual([
    { changedKeys: ['instruction', 'mcpServers', 'settings.added', 'settings.discord', 'settings.resume', 'tools'], previousRevision: 7, revision: 8 },
  ]);
  await clock.pass(60_000);
  expect((await aiwm.reached('heartbeat', 2)).body['configRevision']).toBe(8);
  expect([aiwm.count('config'), aiwm.count('connect'), client.health().aiwm.configRevision]).toEqual([1, 1, 8]);
});

test('a new revision that changes nothing for the agent is no event, but is named from then on', async () => {
  const { tools, instruction, settings, agent } = CONNECTED;
  const { aiwm, client, clock, events } = await changing({ status: 200, body: { configRevision: 8, tools, instruction, settings, agent } });
  await soon('the revision', () => client.configuration.revision === 8);
  await clock.pass(60_000);
  expect((await aiwm.reached('heartbeat', 2)).body['configRevision']).toBe(8);
  expect([events.some(({ name }) => name === 'configuration'), client.counter('aiwm_config_update_total')]).toEqual([false, 0]);
});

const harmless: readonly (readonly [string, Reply])[] = [
  ['404, as older servers answer', { status: 404, body: { code: 'NOT_FOUND' } }],
  ['304', { status: 304 }],
  ['401', { status: 401 }],
  ['500', { status: 500 }],
  ['text', { status: 200, raw: 'hello' }],
  ['settings that are a list', { status: 200, body: { ...NEW_CONFIGURATION, settings: [] } }],
  ['an instruction that is a number', { status: 200, body: { ...NEW_CONFIGURATION, instruction: 5 } }],
];
test.each(harmless)('a question for the configuration that brings %s keeps the present one', async (_what, reply) => {
  const { aiwm, client, clock, events } = await changing(reply);
  await clock.pass(60_000);
  expect((await aiwm.reached('heartbeat', 2)).body['configRevision']).toBe(7);
  expect(client.configuration).toMatchObject({ revision: 7, instruction: 'Be kind.' });
  expect(client.health()).toMatchObject({ status: 'ok', aiwm: { mode: 'aiwm', connected: true, lastError: null } });
  expect([events.some(({ name }) => name === 'configuration'), aiwm.count('connect')]).toEqual([false, 1]);
});

const bodies: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['HTML', '<html><body>login</body></html>'],
  ['half an object', JSON.stringify(connected().body).slice(0, -2)],
  ['null', 'null'],
  ['a number', '5'],
  ['a text', '"token"'],
  ['a list', '[{}]'],
  ['20,000 levels', '['.repeat(20_000) + ']'.repeat(20_000)],
  ['a lone surrogate for a token', String.raw`{"token":"\ud800","expiresIn":5}`],
  ['__proto__', '{"__proto__":{"token":"x","expiresIn":60}}'],
];
test.each(bodies)('a connect answered with %s counts as a failure and throws nothing', async (_what, raw) => {
  const { aiwm, client } = await setUp();
  aiwm.answer('connect', { status: 200, raw });
  await client.start();
  expect([client.health().aiwm.mode, client.counter('aiwm_connection_failure_total'), client.token, aiwm.seen.length]).toEqual(['local', 1, null, 1]);
});

test.each([201, 204, 301, 302, 307])('a connect answered with %i counts as a failure; no redirect gets the secret', async (status) => {
  const { aiwm, client } = await setUp();
  aiwm.answer('connect', { ...connected({}, { Location: '/agents/a1/elsewhere' }), status });
  await client.start();
  expect([client.health().aiwm.mode, client.counter('aiwm_connection_failure_total'), aiwm.seen.length]).toEqual(['local', 1, 1]);
});

test('connected comes before the first heartbeat, so that the agent has read its configuration', async () => {
  const order: string[] = [];
  const { aiwm, client } = await setUp({ status: () => (order.push('status'), 'online') });
  client.on('connected', () => order.push(client.configuration.instruction));
  await client.start();
  await aiwm.reached('heartbeat', 1);
  expect(order).toEqual(['Be kind.', 'status']);
});

import { connected, scenes, soon } from './agent-client.fixture';

const setUp = scenes();
const SUSPENDED = { status: 401, body: { code: 'AGENT_SUSPENDED' } };
/** Of a token of 24 s: at 23/24 of its life, less half of a twentieth. */
const RENEWAL_MS = 22_425;
const LOCAL = { AIWM_INSTRUCTION_FILE: __filename };

test('a suspended agent stops, says so, and goes on by itself when the suspension is lifted', async () => {
  const { aiwm, client, clock, events, log } = await setUp({ variables: LOCAL });
  aiwm.answer('connect', SUSPENDED);
  await client.start();
  expect(client.health()).toMatchObject({ status: 'degraded', aiwm: { mode: 'stopped', connected: false, suspended: true, lastError: 'connect: 401 AGENT_SUSPENDED' } });
  expect(client.configuration.instruction).toBe(''); // not the local one
  expect(events).toEqual([
    { name: 'mode', event: { from: 'local', to: 'stopped', reason: 'AIWM has suspended this agent' } },
    { name: 'stopped', event: { reason: 'AIWM has suspended this agent', suspended: true } },
  ]);
  expect(log.filter((line) => line.startsWith('warn') && line.includes('AIWM has suspended this agent; it stops'))).toHaveLength(1);
  await clock.pass(300_000);
  await aiwm.reached('connect', 2);
  expect(aiwm.count('heartbeat')).toBe(0);
  aiwm.answer('connect', connected());
  await clock.pass(300_000);
  await aiwm.reached('heartbeat', 1);
  expect(client.health()).toMatchObject({ status: 'ok', aiwm: { mode: 'aiwm' } });
  expect(client.health().aiwm).not.toHaveProperty('suspended');
});

test('a suspension in the middle of the work stops it at the next heartbeat', async () => {
  const { aiwm, client, clock, events } = await setUp({ variables: LOCAL });
  await client.start();
  await aiwm.reached('heartbeat', 1);
  aiwm.answer('heartbeat', { status: 401, body: { code: 'TOKEN_REVOKED' } });
  aiwm.answer('connect', SUSPENDED);
  await clock.pass(60_000);
  await soon('the stop', () => client.health().aiwm.mode === 'stopped');
  expect([client.token, client.health().aiwm.suspended, aiwm.count('connect')]).toEqual([null, true, 2]);
  expect(events.at(-1)).toMatchObject({ name: 'stopped', event: { suspended: true } });
});

test.each([
  ['a suspension', SUSPENDED, 'stopped', 'it stops'],
  ['a refusal at the end of the token', { status: 400 }, 'local', 'Running on local configuration'],
])('%s that a renewal in time and a renewal after a refusal hear together is told once', async (_of, refusal, mode, told) => {
  const { aiwm, client, clock, events, log } = await setUp({ variables: LOCAL });
  aiwm.answer('connect', connected({ expiresIn: 24 }));
  await client.start();
  let answer: () => void = () => undefined;
  aiwm.answer('connect', { ...refusal, after: new Promise<void>((resolve) => (answer = resolve)) });
  await clock.pass(RENEWAL_MS); // both wait for one connect: the renewal in time first
  await aiwm.reached('connect', 2);
  const renewed = client.renewToken();
  clock.advance(24_000);
  answer();
  expect(await renewed).toBe(false);
  await soon('the mode', () => client.health().aiwm.mode === mode);
  expect(log.filter((line) => line.startsWith('warn') && line.includes(told))).toHaveLength(1);
  expect(events.filter(({ name }) => name === 'stopped')).toHaveLength(mode === 'stopped' ? 1 : 0);
  expect(aiwm.count('connect')).toBe(2);
});

test('continue: it goes on with its local configuration, and its health says that it should not', async () => {
  const { aiwm, client, clock, events, log } = await setUp({ variables: LOCAL, onSuspended: 'continue' });
  aiwm.answer('connect', SUSPENDED);
  await client.start();
  expect(client.health()).toMatchObject({ status: 'degraded', aiwm: { mode: 'local', suspended: true } });
  expect(client.configuration.instruction).toContain('AIWM_INSTRUCTION_FILE');
  expect(log.some((line) => line.startsWith('warn') && line.includes('goes on with its local configuration all the same'))).toBe(true);
  expect(events.some(({ name }) => name === 'stopped')).toBe(false);
  aiwm.answer('connect', connected());
  await clock.pass(300_000);
  await soon('the connect', () => client.health().aiwm.mode === 'aiwm');
  expect(client.health().aiwm.suspended).toBeUndefined();
});

test('an agent that runs alone while AIWM is away stops once AIWM is back and says that it is suspended; away again, it rests', async () => {
  const { aiwm, client, clock } = await setUp({ variables: LOCAL });
  aiwm.answer('connect', { status: 400 });
  await client.start();
  expect(client.health().aiwm.mode).toBe('local');
  aiwm.answer('connect', SUSPENDED);
  await clock.pass(300_000);
  await soon('the stop', () => client.health().aiwm.mode === 'stopped');
  aiwm.answer('connect', { status: 503 });
  await clock.pass(300_000);
  await aiwm.reached('connect', 3);
  await soon('the next pause', () => clock.pauses.includes(300_000));
  expect(client.health().aiwm).toMatchObject({ mode: 'stopped', suspended: true });
});

test('stop() and 404 are final after a suspension too', async () => {
  const { aiwm, client, clock, events } = await setUp();
  aiwm.answer('connect', SUSPENDED, { status: 404 });
  await client.start();
  await clock.pass(300_000);
  await soon('the end', () => events.some(({ name, event }) => name === 'stopped' && !('suspended' in event)));
  await client.stop();
  expect(events.filter(({ name }) => name === 'stopped')).toHaveLength(2);
  expect([clock.pauses, aiwm.count('disconnect')]).toEqual([[], 0]);
  const other = await setUp();
  other.aiwm.answer('connect', SUSPENDED);
  await other.client.start();
  await other.client.stop('enough');
  expect(other.events.at(-1)).toEqual({ name: 'stopped', event: { reason: 'enough' } });
  expect(other.clock.pauses).toEqual([]);
});

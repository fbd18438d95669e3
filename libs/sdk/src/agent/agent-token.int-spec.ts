import { connected, scenes, soon } from './agent-client.fixture';

const setUp = scenes();
const OK = { status: 200, body: { success: true } };
const FIRST = 'token-0123456789-first';
const SECOND = 'token-0123456789-second';
const second = connected({ token: SECOND, accessToken: undefined });

test.each([401, 400])('the old token serves while renewals fail with %i every five minutes; when it has run out, local configuration does', async (status) => {
  const { aiwm, client, clock, events } = await setUp();
  aiwm.answer('connect', connected({ expiresIn: 24_000 }), { status });
  await client.start();
  await aiwm.reached('heartbeat', 1);
  // 23/24 of 24,000 s, less 2.5 %: 1575 s are left, five times five minutes and 75 s
  for (const [index, pause] of [22_425_000, 300_000, 300_000, 300_000, 300_000, 300_000].entries()) {
    await soon('the rest between beats', () => clock.pauses.includes(60_000));
    await clock.pass(pause);
    await aiwm.reached('connect', 2 + index);
    await aiwm.reached('heartbeat', 2 + index);
    expect([client.health().aiwm.mode, client.health().aiwm.connected, client.token]).toEqual(['aiwm', true, FIRST]);
  }
  const beats = aiwm.seen.filter(({ path }) => path.endsWith('heartbeat'));
  expect(new Set(beats.map(({ headers }) => headers.authorization))).toEqual(new Set([`Bearer ${FIRST}`]));
  await clock.pass(75_000);
  await soon('local mode', () => client.health().aiwm.mode === 'local');
  expect([client.token, client.health().aiwm.connected, client.health().status]).toEqual([null, false, 'degraded']);
  aiwm.answer('connect', second);
  await clock.pass(300_000);
  await soon('the switch back', () => client.token === SECOND);
  expect(events.filter(({ name }) => name === 'mode').map(({ event }) => event)).toMatchObject([{ to: 'aiwm' }, { from: 'aiwm', to: 'local' }, { from: 'local', to: 'aiwm' }]);
});

test('a renewal that meets 404 stops everything', async () => {
  const { aiwm, client, clock, events, log } = await setUp();
  aiwm.answer('connect', connected(), { status: 404 });
  await client.start();
  await aiwm.reached('heartbeat', 1);
  await clock.pass(80_730_000);
  await soon('the stop', () => client.health().aiwm.mode === 'stopped');
  await client.stop();
  expect([clock.pauses, aiwm.count('connect'), aiwm.count('disconnect'), client.token]).toEqual([[], 2, 0, null]);
  expect(events.filter(({ name }) => name === 'stopped')).toHaveLength(1);
  expect(log.filter((line) => line.startsWith('error'))).toHaveLength(1);
});

test('all who want a new token share one reconnect, the heartbeat too', async () => {
  const { aiwm, client } = await setUp();
  let answerBeat: () => void = () => undefined;
  let answerConnect: () => void = () => undefined;
  aiwm.answer('heartbeat', { status: 401, after: new Promise((resolve) => (answerBeat = resolve)) }, OK);
  await client.start();
  await aiwm.reached('heartbeat', 1);
  aiwm.answer('connect', { ...second, after: new Promise((resolve) => (answerConnect = resolve)) });
  const wanted = [client.renewToken(), client.renewToken()];
  await aiwm.reached('connect', 2);
  answerBeat();
  await soon('the refusal', () => client.counter('aiwm_heartbeat_failure_total') === 1);
  wanted.push(client.renewToken());
  answerConnect();
  expect(await Promise.all(wanted)).toEqual([true, true, true]);
  expect((await aiwm.reached('heartbeat', 2)).headers.authorization).toBe(`Bearer ${SECOND}`);
  expect([aiwm.count('connect'), client.counter('aiwm_token_refresh_total'), client.counter('aiwm_connection_success_total')]).toEqual([2, 1, 2]);
});

test('refused beats bring one reconnect a minute and not more', async () => {
  const { aiwm, client, clock } = await setUp();
  aiwm.answer('connect', connected({}, { 'X-Heartbeat-Interval': '20' }));
  aiwm.answer('heartbeat', { status: 401 });
  await client.start();
  // beat 1 is refused and reconnects; beat 2, with the new token at once, is refused within the minute
  await aiwm.reached('heartbeat', 2);
  for (const beat of [3, 4]) {
    await clock.pass(20_000);
    await aiwm.reached('heartbeat', beat);
  }
  await soon('the pause', () => clock.pauses.includes(20_000));
  expect([aiwm.count('connect'), client.health().aiwm.mode]).toEqual([2, 'aiwm']);
  await clock.pass(20_000);
  await aiwm.reached('connect', 3);
  expect(client.health()).toMatchObject({ aiwm: { mode: 'aiwm' } });
});

test('without AIWM there is no token to renew', async () => {
  const { aiwm, client } = await setUp({ variables: { AIWM_ENABLED: 'false' } });
  await client.start();
  expect([await client.renewToken(), client.token, client.counter('aiwm_connection_failure_total')]).toEqual([false, null, 0]);
  expect(aiwm.seen).toEqual([]);
});

test.each([[0, 57_000], [1, 63_000]])('beats are spread by a twentieth (chance %d)', async (chance, ms) => {
  const { aiwm, client, clock } = await setUp();
  clock.chance = chance;
  await client.start();
  await aiwm.reached('heartbeat', 1);
  await clock.pass(ms);
  await aiwm.reached('heartbeat', 2);
});

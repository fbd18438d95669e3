import { createServer } from 'node:net';
import { AgentClient } from './agent-client';
import { scenes, soon } from './agent-client.fixture';

const setUp = scenes();
const OK = { status: 200, body: { success: true } };

test('stop waits for the heartbeat under way, then disconnects, and beats no more', async () => {
  const { aiwm, client, clock, events, log } = await setUp();
  let release: () => void = () => undefined;
  aiwm.answer('heartbeat', { ...OK, after: new Promise((resolve) => (release = resolve)) });
  await client.start();
  await aiwm.reached('heartbeat', 1);
  const stopping = client.stop('maintenance');
  // a request of this process that comes back shows that nothing is on its way before it
  await fetch(`${client.environment.aiwm?.baseUrl}/agents/a1/other`);
  expect(aiwm.count('disconnect')).toBe(0);
  release();
  await stopping;
  expect(aiwm.journal.filter((line) => !line.endsWith('other'))).toEqual(['> connect', '< connect', '> heartbeat', '< heartbeat', '> disconnect', '< disconnect']);
  expect([clock.pauses, client.token, client.health().aiwm.mode]).toEqual([[], null, 'stopped']);
  expect(events.filter(({ name }) => name === 'stopped').map(({ event }) => event)).toEqual([{ reason: 'maintenance' }]);
  expect(log.at(-1)).toMatch(/^info Agent client stopped .*"reason":"maintenance","lastHeartbeatAt":"20.*"lastError":null/);
});

test('a heartbeat that hangs holds stop for its own ten seconds, a disconnect that hangs for two', async () => {
  const { aiwm, client, clock } = await setUp();
  aiwm.answer('heartbeat', { status: 0, hang: true });
  aiwm.answer('disconnect', { status: 0, hang: true });
  await client.start();
  await aiwm.reached('heartbeat', 1);
  const stopping = client.stop();
  expect(aiwm.count('disconnect')).toBe(0);
  await clock.pass(10_000);
  await aiwm.reached('disconnect', 1);
  await clock.pass(2000);
  await stopping;
  expect([clock.pauses, aiwm.count('heartbeat')]).toEqual([[], 1]);
});

test('stop during a pause of connect ends at once, with nothing to disconnect', async () => {
  const { aiwm, client, clock } = await setUp();
  aiwm.answer('connect', { status: 503 });
  const starting = client.start();
  await soon('the pause', () => clock.pauses.includes(1000));
  await client.stop();
  await starting;
  expect([clock.pauses, aiwm.journal]).toEqual([[], ['> connect', '< connect']]);
});

test('stop during a connect gives it up', async () => {
  const { aiwm, client, clock } = await setUp({ variables: { AGENT_HEALTH_PORT: '0' } });
  aiwm.answer('connect', { status: 0, hang: true });
  const starting = client.start();
  await aiwm.reached('connect', 1);
  await client.stop();
  await starting;
  expect([clock.pauses, aiwm.seen.length, client.healthPort, client.health().aiwm.mode]).toEqual([[], 1, null, 'stopped']);
});

test('start after stop begins nothing', async () => {
  const { aiwm, client } = await setUp({ variables: { AGENT_HEALTH_PORT: '0' } });
  await client.stop();
  await client.start();
  expect([aiwm.seen, client.healthPort]).toEqual([[], null]);
});

test('a health port that is taken is an error of start, and stop still works', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const { aiwm, client } = await setUp({ variables: { AGENT_HEALTH_PORT: String(typeof address === 'object' ? address?.port : '') } });
  await expect(client.start()).rejects.toThrow('EADDRINUSE');
  await client.stop();
  expect(aiwm.seen).toEqual([]);
  await new Promise((resolve) => server.close(resolve));
});

const handlers = () => [process.listenerCount('SIGINT'), process.listenerCount('SIGTERM')];

test('signal handlers are there only when asked for, and gone after stop', async () => {
  const [before] = [handlers()];
  const variables = { AIWM_ENABLED: 'false' };
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const silent = new AgentClient({ variables, log });
  await silent.start();
  expect(handlers()).toEqual(before);
  const asked = new AgentClient({ variables, log, handleSignals: true });
  await asked.start();
  expect(handlers()).toEqual(before.map((count) => (count ?? 0) + 1));
  await asked.stop();
  expect(handlers()).toEqual(before);
  await silent.stop();
});

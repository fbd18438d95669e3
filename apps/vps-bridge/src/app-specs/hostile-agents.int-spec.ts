import type { ServerResponse } from 'node:http';
import { json, type ReceivedRequest, says, waitFor } from '@agentfleet/testing';
import { deadPort } from './bridge.fixture';
import { TwoBridges } from './two-bridges.fixture';

let two: TwoBridges;

beforeAll(async () => {
  two = await TwoBridges.start({ VPS_CIRCUIT_COOLDOWN_MS: '20000', VPS_CIRCUIT_COOLDOWN_MAX_MS: '60000' });
});
afterAll(() => two.stop());

const MIB = 1024 * 1024;
const elapsed = async (work: () => Promise<unknown>) => {
  const from = performance.now();
  await work();
  return performance.now() - from;
};

/** Sends a gigabyte, as far as anybody takes it. */
function sendsGigabyte(type: string) {
  const piece = Buffer.alloc(MIB, 'x');
  const sent = { bytes: 0, closed: false };
  const behaviour = (_request: ReceivedRequest, response: ServerResponse) => {
    response.writeHead(200, { 'content-type': type });
    const more = () => {
      while (sent.bytes < 1024 * MIB && !response.destroyed) {
        sent.bytes += piece.length;
        if (!response.write(piece)) return void response.once('drain', more);
      }
      response.end();
    };
    response.on('close', () => (sent.closed = true));
    response.write(type.includes('json') ? '{"content":"' : 'data: {"content":"');
    more();
  };
  return { sent, behaviour };
}

it.each(['application/json', 'text/event-stream'])('an answer of 1 GB as %s costs the limit, not its size', async (type) => {
  const { sent, behaviour } = sendsGigabyte(type);
  const { name } = await two.agentWith({ max_retries: 1, streaming: true }, behaviour);
  const before = process.memoryUsage().rss;
  const path = type.includes('json') ? '/api/vps/call' : '/api/vps/call/stream';
  const { text } = await two.one.ask('POST', path, { body: { agent_name: name, prompt: 'p' } });
  expect(text).toContain('"error_code":"too_large"');
  await waitFor('the agent to be dropped', () => sent.closed);
  expect(sent.bytes).toBeLessThan(64 * MIB);
  expect(process.memoryUsage().rss - before).toBeLessThan(150 * MIB);
});

it('agents that drip or never answer end on time, and delay no other', async () => {
  const drip = (_request: ReceivedRequest, response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const timer = setInterval(() => response.write('{'), 100);
    response.on('close', () => clearInterval(timer));
  };
  const slow = await Promise.all(
    [drip, () => undefined].map((behaviour) => two.agentWith({ timeout_seconds: 1, max_retries: 1 }, behaviour)),
  );
  const good = await two.agent(says('quick'));
  const stuck = Array.from({ length: 40 }, (_, n) => two.one.call(slow[n % 2]!.name));
  await waitFor('all of them to be asked', () => slow.every(({ agent }) => agent.requests.length === 20));
  expect(await elapsed(() => two.one.call(good.name))).toBeLessThan(500);
  const took = await elapsed(() => Promise.all(stuck));
  expect(took).toBeLessThan(2500);
  for (const { body } of await Promise.all(stuck)) expect(body).toMatchObject({ success: false, error_type: 'TIMEOUT', error_code: 'timeout' });
});

it('the whole chain ends at the deadline, with pauses and fallbacks', async () => {
  const last = await two.agentWith({ max_retries: 10 }, json(503, {}, { 'retry-after': '1' }));
  const { name } = await two.agentWith({ max_retries: 10, fallback_agents: [last.name] }, () => undefined);
  const took = await elapsed(async () => {
    expect((await two.one.call(name, { deadline_seconds: 1.5 })).body).toMatchObject({ success: false, error_code: 'deadline_exceeded', attempts: [{ tries: 1 }, { agent: last.name, skipped: 'deadline' }] });
  });
  expect(took).toBeLessThan(2200);
});

it('a dead primary costs its callers nothing once its circuit is open; health survives a restart', async () => {
  const backup = await two.agent(says('backup'));
  await two.one.register('dead-primary', await deadPort(), { max_retries: 1, fallback_agents: [backup.name] });
  for (let n = 0; n < 3; n++) await two.one.call('dead-primary');
  const before = (await two.one.get('/api/vps/health/dead-primary')).body;
  expect(before).toMatchObject({ circuit: { state: 'open' }, consecutive_failures: 3 });
  const { body } = await two.one.call('dead-primary');
  expect(body).toMatchObject({ success: true, retried: true, attempts: [{ tries: 0, latency_ms: 0, skipped: 'circuit_open' }, { agent: backup.name }] });

  const third = await two.boot();
  expect((await two.caller(2).get('/api/vps/health/dead-primary')).body).toEqual(before);
  expect((await two.caller(2).call('dead-primary')).body).toMatchObject({ success: true, attempts: [{ skipped: 'circuit_open' }, {}] });
  await two.end(third);
});

it('a session grows past 16 MiB by calls on two replicas', async () => {
  const { name } = await two.agent(says('a'.repeat(2 * MIB)));
  const prompt = 'p'.repeat(1_900_000);
  const calls = await Promise.all(Array.from({ length: 6 }, (_, n) => (n % 2 === 0 ? two.one : two.other).call(name, { session_id: 'huge', prompt })));
  for (const { body } of calls) expect(body['success']).toBe(true);
  const { body } = await two.one.get('/api/vps/sessions/huge');
  const messages = body['messages'] as { role: string; content: string }[];
  expect(messages).toHaveLength(12);
  expect(messages.reduce((sum, { content }) => sum + content.length, 0)).toBeGreaterThan(16 * MIB);
});

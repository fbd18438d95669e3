import { ask, Client, newSession, TestGateway } from './gateway.fixture';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await TestGateway.create({ GATEWAY_RATE_LIMIT_PER_SECOND: '0' });
});
afterAll(() => gateway.close());

const LONG = 'x'.repeat(600_000); // 150,000 tokens by our estimate

it('what the model takes is kept to when it was set; the default is only assumed', async () => {
  const [set, assumed] = [await gateway.boot({ MODEL_CONTEXT_TOKENS: '2000' }), await gateway.boot()];
  const sessionId = await newSession(set);
  const client = await Client.open(set, sessionId);
  client.execute('x'.repeat(10_000));
  expect((await client.frame('error')).frame.data).toMatchObject({ code: 'context_overflow', retryable: false });
  await client.complete(1);
  client.execute('Hello [[say=FINE]]');
  expect((await client.complete(2)).frame.data).toMatchObject({ completed: true });
  expect(client.events.at(-1)?.frame.seq).toBe(client.events.length);
  const truncated = client.events.find(({ frame }) => frame.type === 'status');
  expect(truncated?.frame.data).toMatchObject({ status: 'history_truncated', dropped_runs: 1, dropped_results: 0 });
  client.close();
  const other = await Client.open(assumed, await newSession(assumed));
  other.execute(LONG);
  expect((await other.complete()).frame.data).toMatchObject({ completed: true });
  other.close();
  expect((await ask(set, 'GET', `/sessions/${sessionId}/messages`)).text).toContain('x'.repeat(10_000)); // the transcript keeps everything
});

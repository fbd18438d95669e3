import { startScriptedModelServer, type ScriptedModelServer } from '@agentfleet/engine';
import { bootApp, type RunningApp } from '@agentfleet/platform';
import { freePort } from '@agentfleet/testing';
import { executionGatewayApp } from '../app';
import { ask, Client, newSession, TestGateway } from './gateway.fixture';

let gateway: TestGateway;
let provider: ScriptedModelServer;
const clients: Client[] = [];

beforeAll(async () => {
  gateway = await TestGateway.create();
  provider = await startScriptedModelServer();
});
afterAll(async () => {
  clients.forEach((client) => client.close());
  await gateway.close();
  await provider.close();
});

async function run(replica: RunningApp, input: string): Promise<Client> {
  const client = await Client.open(replica, await newSession(replica));
  clients.push(client);
  client.execute(input);
  await client.complete();
  return client;
}

describe('the model', () => {
  it('is any OpenAI-compatible endpoint that is configured', async () => {
    const replica = await gateway.boot({ MODEL_BASE_URL: provider.baseUrl, MODEL_NAME: 'my-model', MODEL_API_KEY: provider.token });
    const client = await run(replica, 'List files');
    expect(client.types).toEqual(['session_info', 'text', 'tool_call', 'tool_result', 'text', 'iteration_end', 'query_complete']);
    expect(client.events[0]?.frame.data).toMatchObject({ model: 'my-model', tools: ['ListDir', 'ReadFile'] });
    expect((await ask(replica, 'GET', '/models')).body).toMatchObject({ models: [{ name: 'my-model', default: true }] });
    expect((await ask(replica, 'GET', '/models')).text).not.toContain(provider.token);
    expect((await ask(replica, 'POST', '/sessions', { model: 'my-model' })).body).toMatchObject({ model: 'my-model' });
    expect((await ask(replica, 'POST', '/sessions', { model: 'other' })).body['detail']).toBe('model must be a configured model: my-model');
  });

  it('that refuses its key ends runs with model_auth, and no frame shows the key', async () => {
    const replica = await gateway.boot({ MODEL_BASE_URL: provider.baseUrl, MODEL_NAME: 'my-model', MODEL_API_KEY: 'sk-very-wrong-key-1234' });
    const client = await run(replica, 'Hello');
    expect(client.received.find(({ frame }) => frame.type === 'error')?.frame.data).toMatchObject({ code: 'model_auth' });
    expect(client.texts.join('')).not.toContain('very-wrong');
  });

  it('may be switched off: runs fail and say what to do', async () => {
    const replica = await gateway.boot({ GATEWAY_SCRIPTED_MODEL: 'off' });
    const client = await run(replica, 'Hello');
    expect(client.received.find(({ frame }) => frame.type === 'error')?.frame.data).toMatchObject({ code: 'model_not_configured', message: expect.stringContaining('MODEL_BASE_URL') });
  });

  it('half configured stops the boot', async () => {
    const env = { ...gateway.env, MODEL_NAME: 'x' };
    await expect(bootApp(executionGatewayApp, { env })).rejects.toThrow('MODEL_BASE_URL');
  });
});

describe('limits of a replica', () => {
  it('refuses sockets beyond GATEWAY_MAX_SOCKETS, and takes them again when one is gone', async () => {
    const replica = await gateway.boot({ GATEWAY_MAX_SOCKETS: '1' });
    const id = await newSession(replica);
    const first = await Client.open(replica, id);
    await expect(Client.open(replica, id)).rejects.toThrow('HTTP 503');
    first.socket.close();
    await new Promise((resolve) => first.socket.once('close', resolve));
    clients.push(await Client.open(replica, id));
  });

  it('limits requests per key', async () => {
    const replica = await gateway.boot({ GATEWAY_RATE_LIMIT_PER_SECOND: '1' });
    const answers = await Promise.all(Array.from({ length: 6 }, () => ask(replica, 'GET', '/models')));
    const refused = answers.filter((answer) => answer.status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(3);
    expect(refused[0]?.body).toMatchObject({ code: 'rate_limited' });
    expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect((await ask(replica, 'GET', '/health')).status).toBe(200);
  });
});

describe('on a laptop without credentials', () => {
  it('sockets of foreign pages are refused', async () => {
    const replica = await gateway.boot({ AUTH_MODE: 'off', CORS_ORIGINS: 'http://localhost:3305' });
    const id = await newSession(replica);
    await expect(Client.open(replica, id, { origin: 'https://evil.example' })).rejects.toThrow('HTTP 403');
    const fine: Record<string, string>[] = [{ origin: 'http://localhost:3305' }, {}];
    for (const headers of fine) clients.push(await Client.open(replica, id, headers));
  });
});

describe('without MongoDB', () => {
  it('stays up, says what is missing, and answers 503', async () => {
    const uri = `mongodb://127.0.0.1:${await freePort()}/away?replicaSet=rs0`;
    const replica = await bootApp(executionGatewayApp, { env: { ...gateway.env, MONGODB_URI: uri } }); // is never ready, which `gateway.boot` would wait for
    gateway.replicas.push(replica);
    expect((await ask(replica, 'GET', '/health/live')).status).toBe(200);
    expect((await ask(replica, 'GET', '/health/ready')).status).toBe(503);
    const health = await ask(replica, 'GET', '/health');
    expect([health.status, health.body]).toMatchObject([503, { status: 'unhealthy', sessions_active: 0 }]);
    for (const [method, path] of [['GET', '/sessions'], ['POST', '/sessions'], ['GET', '/sessions/x'], ['POST', '/sessions/x/runs'], ['DELETE', '/sessions/x']] as const) {
      const startedAt = Date.now();
      const refused = await ask(replica, method, path);
      expect([method, path, refused.status, refused.body['code']]).toEqual([method, path, 503, 'storage_unavailable']);
      expect(refused.headers.get('retry-after')).not.toBeNull();
      expect(Date.now() - startedAt).toBeLessThan(3500);
    }
  }, 30_000);
});

import { startScriptedModelServer, type ScriptedModelServer } from './server';

let server: ScriptedModelServer;
beforeAll(async () => {
  server = await startScriptedModelServer();
});
afterAll(() => server.close());

function post(body: unknown, token = server.token): Promise<Response> {
  return fetch(`${server.baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

const HELLO = { model: 'scripted', messages: [{ role: 'user', content: 'Hello' }] };

describe('the scripted model over HTTP', () => {
  it('is guarded by its token', async () => {
    expect((await post(HELLO, 'wrong')).status).toBe(401);
    expect((await fetch(`${server.baseUrl}/models`)).status).toBe(401);
  });

  it('answers plainly with usage', async () => {
    const body: unknown = await (await post(HELLO)).json();
    expect(body).toMatchObject({
      object: 'chat.completion',
      choices: [{ message: { role: 'assistant', content: 'You said: Hello' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 2, completion_tokens: 4, total_tokens: 6 },
    });
  });

  it('streams in pieces, ends with the usage and [DONE]', async () => {
    const text = await (await post({ ...HELLO, stream: true, stream_options: { include_usage: true } })).text();
    const data = text.trim().split('\n\n').map((line) => line.slice('data: '.length));
    expect(data.pop()).toBe('[DONE]');
    const chunks = data.map((line): unknown => JSON.parse(line));
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 6 } });
    expect(chunks.at(-2)).toMatchObject({ choices: [{ delta: {}, finish_reason: 'stop' }] });
    expect(chunks.length).toBe(1 + 4 + 2); // role, four pieces, finish, usage
  });

  it('answers 400 to malformed requests, 404 elsewhere', async () => {
    expect((await post('{')).status).toBe(400);
    expect((await post({ model: 'm', messages: [{ role: 'tool', tool_call_id: 'x', content: 'y' }] })).status).toBe(400);
    const elsewhere = await fetch(`${server.baseUrl}/completions`, { headers: { authorization: `Bearer ${server.token}` } });
    expect(elsewhere.status).toBe(404);
  });

  it('fails with the status it was told', async () => {
    const answer = await post({ ...HELLO, messages: [{ role: 'user', content: '[[fail=429]]' }] });
    expect(answer.status).toBe(429);
    expect(await answer.json()).toMatchObject({ error: { type: 'rate_limit_error' } });
  });

  it('names its models', async () => {
    const answer = await fetch(`${server.baseUrl}/models`, { headers: { authorization: `Bearer ${server.token}` } });
    expect(await answer.json()).toMatchObject({ data: [{ id: 'scripted' }] });
  });
});

import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { agentRequest, type AgentPrompt, type AgentTarget } from './agent-request';
import { readAnswer } from './answer-text';
import { unpack } from './unpack';

const read = (body: unknown, api: 'messages' | 'openai' = 'messages') => readAnswer(api, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
const text = (value: string) => ({ kind: 'text', text: value });

describe('readAnswer', () => {
  it.each<[unknown, object]>([
    [{ content: 'a' }, text('a')],
    [{ content: '' }, text('')],
    [{ message: 'b' }, text('b')],
    [{ content: 'a', message: 'b' }, text('a')],
    [{ content: [{ type: 'text', text: 'a' }, { type: 'tool_use', text: 'x' }, { type: 'text', text: 'b' }] }, text('ab')],
    [{ content: null, message: 'b' }, { kind: 'no_text' }],
    [{ content: 5 }, { kind: 'no_text' }],
    [{ content: [] }, { kind: 'no_text' }],
    [{ content: [{ type: 'text' }, null, 'x'] }, { kind: 'no_text' }],
    [{}, { kind: 'no_text' }],
    ['\ufeff{"content":"a"}', text('a')],
    ['\ufeff', { kind: 'not_json' }],
    [{ error: { message: 'x' }, content: '' }, { kind: 'no_text' }],
    [{ error: 'x', content: ' \n' }, { kind: 'no_text' }],
    [{ error: { message: 'x' }, content: null }, { kind: 'no_text' }],
    [{ error: 'x', content: [{ type: 'text', text: '' }] }, { kind: 'no_text' }],
    [{ error: true, message: 'Overloaded' }, { kind: 'no_text' }],
    [{ error: 'overloaded_error', message: [{ type: 'text', text: 'Overloaded' }] }, { kind: 'no_text' }],
    [{ type: 'error', message: 'Overloaded' }, { kind: 'no_text' }],
    [{ type: 'error', content: 'Overloaded' }, { kind: 'no_text' }],
    [{ object: 'error', message: 'boom' }, { kind: 'no_text' }],
    [{ object: 'error', content: 'boom' }, { kind: 'no_text' }],
    [{ message: 'boom', code: 500 }, { kind: 'no_text' }],
    [{ message: 'boom', statusCode: 502, error: 'Bad Gateway' }, { kind: 'no_text' }],
    [{ message: 'boom', success: false }, { kind: 'no_text' }],
    [{ message: 'boom', base_resp: { status_code: 1002 } }, { kind: 'no_text' }],
    [{ detail: 'boom' }, { kind: 'no_text' }],
    [{ content: '', detail: 'boom' }, { kind: 'no_text' }],
    [{ content: 'half of', stop_reason: 'error' }, { kind: 'no_text' }],
    [{ content: 'a', stop_reason: 'end_turn' }, text('a')],
    [{ content: 'a', code: 5, message: 'm', detail: 'd' }, text('a')],
    [{ message: 'b', code: 0, detail: 'd' }, text('b')],
    [{ message: 'b', code: 200, status: 'ok' }, text('b')],
    [{ error: 'a remark', content: 'a' }, text('a')],
    [{ error: null, content: '' }, text('')],
    [{ error: {}, content: '' }, text('')],
    [{ error: false, message: 'b' }, text('b')],
    ['[]', { kind: 'not_json' }],
    ['"x"', { kind: 'not_json' }],
    ['null', { kind: 'not_json' }],
    ['{', { kind: 'not_json' }],
    ['', { kind: 'not_json' }],
  ])('%j', (body, expected) => expect(read(body)).toEqual(expected));

  it.each<[unknown, object]>([
    [{ choices: [{ message: { content: 'a' } }] }, text('a')],
    [{ choices: [{ message: { content: [{ type: 'text', text: 'a' }] } }] }, text('a')],
    [{ choices: [{ message: { content: null } }] }, { kind: 'no_text' }],
    [{ choices: [] }, { kind: 'no_text' }],
    [{ choices: [{ message: { content: '' } }], error: { code: 502 } }, { kind: 'no_text' }],
    [{ choices: [{ message: { content: '' }, error: { code: 502 } }] }, { kind: 'no_text' }],
    [{ choices: [{ message: { content: '' }, finish_reason: 'error' }] }, { kind: 'no_text' }],
    [{ choices: [{ message: { content: '' }, finish_reason: 'stop' }], error: null }, text('')],
    [{ choices: [{ message: { content: 'half of' }, finish_reason: 'network_error' }] }, { kind: 'no_text' }],
    [{ choices: [{ message: { content: 'half of' }, error: { code: 502 } }] }, { kind: 'no_text' }],
    [{ choices: [{ message: { content: '' } }], base_resp: { status_code: 1002, status_msg: 'boom' } }, { kind: 'no_text' }],
    [{ choices: [{ message: { content: 'a' }, finish_reason: 'because' }], base_resp: { status_code: 0 } }, text('a')],
    [{ choices: [{ message: { content: 'a' } }], error: 'a remark' }, text('a')],
    [{ choices: 'x' }, { kind: 'no_text' }],
    [{ content: 'a' }, { kind: 'no_text' }],
  ])('openai: %j', (body, expected) => expect(read(body, 'openai')).toEqual(expected));

  it('makes half a surrogate pair storable', () => expect(read('{"content":"a\\ud800b"}')).toEqual(text('a\ufffdb')));
  it('refuses bytes that are no UTF-8', () => expect(readAnswer('messages', Buffer.from([0x7b, 0xff, 0x7d]))).toEqual({ kind: 'not_json' }));
});

describe('unpack', () => {
  const plain = Buffer.from(JSON.stringify({ content: 'x'.repeat(1000) }));

  it.each<[string | undefined, Buffer]>([
    [undefined, plain],
    ['', plain],
    ['Identity', plain],
    ['gzip', gzipSync(plain)],
    [' GZIP ', gzipSync(plain)],
    ['gzip, identity', gzipSync(plain)],
    ['identity,,\tgzip', gzipSync(plain)],
    ['Deflate', deflateRawSync(plain)],
    ['deflate', deflateSync(plain)],
    ['deflate', deflateRawSync(plain)],
    ['br', brotliCompressSync(plain)],
  ])('%s', async (encoding, body) => expect(await unpack(body, encoding, 2000)).toEqual({ kind: 'body', body: plain }));

  it.each([
    ['gzip', gzipSync(Buffer.alloc(1_000_000)), 'too_large'],
    ['br', brotliCompressSync(Buffer.alloc(1_000_000)), 'too_large'],
    ['gzip', gzipSync(plain).subarray(0, -20), 'cut_off'],
    ['gzip', plain, 'bad_encoding'],
    ['deflate', deflateSync(plain).subarray(0, -10), 'cut_off'],
    ['deflate', deflateRawSync(plain).subarray(0, -5), 'cut_off'],
    ['deflate', Buffer.alloc(0), 'cut_off'],
    ['zstd', plain, 'bad_encoding'],
    ['gzip, gzip', gzipSync(gzipSync(plain)), 'bad_encoding'],
    ['gzip, br', plain, 'bad_encoding'],
  ])('%s that is broken: %#', async (encoding, body, kind) => expect(await unpack(body, encoding, 2000)).toEqual({ kind }));
});

describe('agentRequest', () => {
  const target: AgentTarget = { name: 'a', url: 'http://10.0.0.1:5000', authToken: null, api: 'messages', model: 'm' };
  const prompt: AgentPrompt = { callId: 'call_1', turns: [{ role: 'user', content: 'p' }], sessionId: null, correlationId: undefined, traceparent: undefined };
  const headerOf = (headers: readonly string[], name: string) => headers[headers.indexOf(name) + 1];

  it('sends no session, token, correlation id or trace that is not there', () => {
    const request = agentRequest(target, prompt, 'agent/1');
    expect(JSON.parse(request.body)).toEqual({ model: 'm', messages: [{ role: 'user', content: 'p' }] });
    for (const name of ['authorization', 'x-correlation-id', 'traceparent', 'x-session-id']) expect(request.headers).not.toContain(name);
  });

  it('puts the session where the dialect wants it', () => {
    const full: AgentPrompt = { ...prompt, sessionId: 'ü /', correlationId: 'c', traceparent: 't' };
    expect(JSON.parse(agentRequest(target, full, 'x').body)).toHaveProperty('session_id', 'ü /');
    const openai = agentRequest({ ...target, api: 'openai', authToken: 'tok' }, full, 'x');
    expect(openai.path).toBe('/v1/chat/completions');
    expect(JSON.parse(openai.body)).not.toHaveProperty('session_id');
    expect(headerOf(openai.headers, 'x-session-id')).toBe('%C3%BC%20%2F');
    expect(headerOf(openai.headers, 'authorization')).toBe('Bearer tok');
  });
});

import { MalformedRequest, parseChatRequest } from './chat-request';
import { composeAnswer, piecesOf } from './compose-answer';

const LIST = { type: 'function', function: { name: 'ListDir', parameters: { type: 'object', properties: { path: { type: 'string' } } } } };
const BASH = {
  type: 'function',
  function: { name: 'Bash', parameters: { type: 'object', properties: { command: { type: 'string' } }, required: ['command'] } },
};
const READ = {
  type: 'function',
  function: { name: 'ReadFile', parameters: { type: 'object', properties: { path: { type: 'string' }, offset: { type: 'integer', minimum: 1 } }, required: ['path', 'offset'] } },
};

const user = (content: unknown) => ({ role: 'user', content });
const round = (id: string, result: string) => [
  { role: 'assistant', content: null, tool_calls: [{ id, type: 'function', function: { name: 'ListDir', arguments: '{}' } }] },
  { role: 'tool', tool_call_id: id, content: result },
];

function answer(messages: unknown[], tools: unknown[] = [READ, BASH, LIST]) {
  return composeAnswer(parseChatRequest({ model: 'scripted', messages, tools }));
}

describe('composeAnswer', () => {
  it('echoes a message unchanged', () => {
    expect(answer([user('Hällo 🌍\n "x"')])).toMatchObject({ text: 'You said: Hällo 🌍\n "x"', calls: [], failure: null });
  });

  it('lists files in one round when it is asked to', () => {
    const input = user('List files in current directory');
    expect(answer([input])).toMatchObject({ text: "I'll list the files", calls: [{ name: 'ListDir', arguments: '{}' }] });
    expect(answer([input, ...round('c1', 'a\nb/')])).toMatchObject({ text: 'Here are the files:\na\nb/', calls: [] });
  });

  it('makes no rounds without tools', () => {
    expect(answer([user('List files')], [])).toMatchObject({ text: 'You said: List files', calls: [] });
    expect(answer([user('go [[steps=3]]')], [])).toMatchObject({ text: 'Done after 0 steps.', calls: [] });
  });

  it('makes the rounds that steps asks for, counted after the last user message', () => {
    const before = [user('[[steps=1]]'), ...round('old', 'x'), { role: 'assistant', content: 'Done after 1 steps.' }];
    expect(answer([...before, user('[[steps=2]]')])).toMatchObject({ text: 'Step 1 of 2.' });
    expect(answer([...before, user('[[steps=2]]'), ...round('c1', 'x')])).toMatchObject({ text: 'Step 2 of 2.' });
    const done = answer([...before, user('[[steps=2]]'), ...round('c1', 'x'), ...round('c2', 'x')]);
    expect(done).toMatchObject({ text: 'Done after 2 steps.', calls: [] });
  });

  it('says the word it was given', () => {
    expect(answer([user('x [[say=READY]]')])).toMatchObject({ text: 'READY done after 0 steps.' });
  });

  it('builds required arguments from the schema and takes those it was given', () => {
    expect(answer([user('[[steps=1 tool=ReadFile]]')]).calls).toMatchObject([{ name: 'ReadFile', arguments: '{"path":".","offset":1}' }]);
    expect(answer([user('[[steps=1 tool=Bash]]')]).calls).toMatchObject([{ arguments: '{"command":"echo scripted"}' }]);
    const args = Buffer.from('{not json').toString('base64url');
    expect(answer([user(`[[steps=1 args=${args}]]`)]).calls).toMatchObject([{ name: 'ListDir', arguments: '{not json' }]);
  });

  it('makes several calls with different ids, and other ids in another round', () => {
    const first = answer([user('[[steps=2 parallel=3]]')]).calls.map((call) => call.id);
    const second = answer([user('[[steps=2 parallel=3]]'), ...round('c1', 'x')]).calls.map((call) => call.id);
    expect(new Set([...first, ...second]).size).toBe(6);
  });

  it('fails when told so, and only once the rounds are done', () => {
    expect(answer([user('[[fail=503]]')]).failure).toBe(503);
    expect(answer([user('[[steps=2 fail=500 failat=1]]')]).failure).toBeNull();
    expect(answer([user('[[steps=2 fail=500 failat=1]]'), ...round('c1', 'x')]).failure).toBe(500);
  });

  it('cuts texts into pieces without breaking characters', () => {
    expect(piecesOf('a🌍b🌍c', 2)).toEqual(['a🌍b', '🌍c']);
    expect(piecesOf('', 4)).toEqual([]);
  });
});

describe('parseChatRequest', () => {
  const open = [user('x'), { role: 'assistant', content: null, tool_calls: [{ id: 'c', type: 'function', function: { name: 'x', arguments: '{}' } }] }];
  it.each<[string, unknown]>([
    ['no object', []],
    ['no model', { messages: [user('x')] }],
    ['no messages', { model: 'm', messages: [] }],
    ['an unknown role', { model: 'm', messages: [{ role: 'wizard', content: 'x' }] }],
    ['an unanswered call at the end', { model: 'm', messages: open }],
    ['an unanswered call before another message', { model: 'm', messages: [...open, user('y')] }],
    ['a tool message without call', { model: 'm', messages: [user('x'), { role: 'tool', tool_call_id: 'c', content: 'x' }] }],
    ['content that is a number', { model: 'm', messages: [user(5)] }],
  ])('refuses %s', (_what, body) => {
    expect(() => parseChatRequest(body)).toThrow(MalformedRequest);
  });

  it('joins text parts', () => {
    const parsed = parseChatRequest({ model: 'm', messages: [user([{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }])] });
    expect(parsed.messages).toEqual([{ role: 'user', text: 'a\nb' }]);
  });
});

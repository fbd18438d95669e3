import { wellFormed } from '@agentfleet/contracts';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import fc from 'fast-check';
import type { AssistantMessage, EngineMessage, ToolMessage, UserMessage } from '../messages';
import type { ModelPrompt } from '../model/model';
import { complaints, PROVIDER_RULES } from './provider-rules.fixture';
import { toModelMessages } from './request-messages';

const MODEL = 'm';

/** What the SDK sends for these messages. */
async function wire(messages: ModelPrompt): Promise<{ messages: Record<string, unknown>[] }> {
  let sent = '';
  const provider = createOpenAICompatible({
    name: 'openai-compatible',
    baseURL: 'http://127.0.0.1/v1',
    fetch: async (_url, init) => {
      sent = String(init?.body);
      return new Response('data: {"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}\n\n', { headers: { 'content-type': 'text/event-stream' } });
    },
  });
  await provider.chatModel('m').doStream({ prompt: [{ role: 'system', content: 'S' }, ...messages] });
  return JSON.parse(sent);
}

const request = (transcript: readonly EngineMessage[]) => wire(toModelMessages(transcript, MODEL));

const user = (content: string, runId = 'r1'): UserMessage => ({ role: 'user', runId, content, context: {} });
const says = (content: string, parts: Partial<AssistantMessage> = {}): AssistantMessage => ({ role: 'assistant', runId: 'r1', content, toolCalls: [], model: MODEL, ...parts });
const call = (id: string, parts: object = {}) => ({ id, name: 'ListDir', input: {}, problem: null, ...parts });
const result = (toolCallId: string, content: string): ToolMessage => ({ role: 'tool', runId: 'r1', toolCallId, toolName: 'ListDir', content, isError: false });

const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', ' ', '\n\n', '\ud83d', 'a\ude00', 'plain', '\u200b'), fc.string({ unit: fc.constantFrom('\ud83d', '\ude00', 'a') }));
const FORMER = 'call_0123456789abcdef01234567';
const id = fc.oneof(fc.constantFrom('', ' ', 'call_0', 'c1', 'c2', 'functions.read:0', FORMER, '\ud83d', 'x'.repeat(200)), fc.string());
const json = fc.dictionary(text, fc.oneof(text, fc.integer(), fc.constant(null), fc.array(text, { maxLength: 2 }), fc.dictionary(text, text, { maxKeys: 2 })), { maxKeys: 3 });
const runId = fc.constantFrom('r1', 'r2', 'r3');
const calls = fc.array(fc.record({ id, name: fc.oneof(fc.constantFrom('ListDir', 'a b', ''), text), input: json, problem: fc.constant(null), own: json }), { maxLength: 3 });
const message: fc.Arbitrary<EngineMessage> = fc.oneof(
  fc.record({ role: fc.constant('user' as const), runId, content: text, context: json }),
  fc.record({ role: fc.constant('assistant' as const), runId, content: text, toolCalls: calls, model: fc.constantFrom(MODEL, 'other'), own: fc.record({ reasoning_content: fc.constantFrom('Hm', 'a\ud83d') }) }),
  fc.record({ role: fc.constant('tool' as const), runId, toolCallId: id, toolName: text, content: text, isError: fc.boolean() }),
);

describe('the request that a transcript becomes', () => {
  it('keeps every rule of every provider, whatever the transcript', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 12 }), async (transcript) => {
        // The provider's own fields go back as they are; only those of calls could spoil the shape of the message here.
        const own = transcript.map((entry) => (entry.role === 'assistant' ? { ...entry, toolCalls: entry.toolCalls.map((made) => ({ ...made, own: { extra_content: { ...made.own } } })) } : entry));
        const ownIds = own.flatMap((entry) => (entry.role === 'assistant' && entry.model === MODEL ? entry.toolCalls.map((made) => wellFormed(made.id)) : []));
        expect(complaints(await request(own), new Set(ownIds))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it('puts a word where a run ended without an answer, so that neither results nor a user stand before a user', async () => {
    const failed = await request([user('a'), user('b', 'r2')]);
    expect(failed.messages.map((m) => m['role'])).toEqual(['system', 'user', 'assistant', 'user']);
    const stopped = await request([user('a'), says('', { toolCalls: [call('c1')] }), result('c1', 'x'), user('b', 'r2')]);
    expect(stopped.messages.map((m) => m['role'])).toEqual(['system', 'user', 'assistant', 'tool', 'assistant', 'user']);
  });

  it('sends what a provider wants back to the model that gave it, and to no other', async () => {
    const own = { extra_content: { google: { thought_signature: 'sig' } } };
    const round = says('\n\n', { toolCalls: [call('c1', { own })], own: { reasoning_content: 'Hm' } });
    const back = (await request([user('a'), round, result('c1', ' ')])).messages;
    expect(back[2]).toEqual({
      role: 'assistant',
      content: null,
      reasoning_content: 'Hm',
      tool_calls: [{ id: 'c1', type: 'function', function: { name: 'ListDir', arguments: '{}' }, ...own }],
    });
    expect(back[3]).toEqual({ role: 'tool', tool_call_id: 'c1', content: '(empty)' });
    const other = (await request([user('a'), { ...round, model: 'other' }, result('c1', 'x')])).messages[2];
    expect(JSON.stringify(other)).not.toMatch(/sig|Hm/);
    const last = (await request([user('a'), says('Hi', { own: { reasoning_content: 'Hm' } }), user('b', 'r2')])).messages[2];
    expect(last).toEqual({ role: 'assistant', content: 'Hi' });
  });

  it('makes ids of nine letters and digits where there are none, the same at each request', async () => {
    const transcript = [user('a'), says('', { toolCalls: [call(''), call('c1'), call('c1')] })];
    const ids = JSON.stringify((await request(transcript)).messages).match(/"tool_call_id":"[^"]*"/g) ?? [];
    expect(ids).toEqual([expect.stringMatching(/"[A-Za-z0-9]{9}"$/), '"tool_call_id":"c1"', expect.stringMatching(/"[A-Za-z0-9]{9}"$/)]);
    expect(JSON.stringify((await request(transcript)).messages).match(/"tool_call_id":"[^"]*"/g)).toEqual(ids);
  });

  it('sends context and input as one text', async () => {
    const sent = (await request([{ ...user('Hi\n'), context: { a: '\ud83d' } }, says('Yes'), { ...user(' ', 'r2'), context: { b: 1 } }])).messages;
    expect(sent[1]).toEqual({ role: 'user', content: 'Context:\n{"a":"\\ud83d"}\n\nHi\n' });
    expect(sent[3]).toEqual({ role: 'user', content: 'Context:\n{"b":1}\n\n(empty)' });
  });

  it('sends ids that another model or an earlier version made in the form that all take, the same in call and result and in every request', async () => {
    const foreign = says('', { toolCalls: [call('functions.read:0')], model: 'other' });
    const former = says('', { toolCalls: [call(FORMER)] });
    const transcript = [user('a'), says('', { toolCalls: [call('chatcmpl-tool-1')] }), user('b'), foreign, result('functions.read:0', 'x'), former, result(FORMER, 'y')];
    const idsIn = async (list: readonly EngineMessage[]) =>
      (await request(list)).messages.flatMap(({ tool_calls: made, tool_call_id: answered }) => (Array.isArray(made) ? made.map(({ id: made1 }: { id: unknown }) => made1) : (answered ?? [])));
    const nine = expect.stringMatching(/^[A-Za-z0-9]{9}$/);
    const ids = await idsIn(transcript);
    expect(ids).toEqual(['chatcmpl-tool-1', 'chatcmpl-tool-1', nine, nine, nine, nine]);
    expect([ids[2], ids[4]]).toEqual([ids[3], ids[5]]);
    expect(ids[2]).not.toBe(ids[4]);
    expect(await idsIn(transcript.slice(2))).toEqual(ids.slice(2)); // older runs were left out
    expect(await idsIn([...transcript, user('c', 'r2')])).toEqual(ids);
  });
});

describe('the checks themselves', () => {
  const bad: Record<keyof typeof PROVIDER_RULES, object[]> = {
    'one system message at most, first': [{ role: 'user', content: 'a' }, { role: 'system', content: 'b' }, { role: 'user', content: 'c' }],
    'the user begins': [{ role: 'assistant', content: 'a' }, { role: 'user', content: 'b' }],
    'no user behind a user': [{ role: 'user', content: 'a' }, { role: 'user', content: 'b' }],
    'no user behind a result': [{ role: 'tool', content: 'a' }, { role: 'user', content: 'b' }],
    'no answer behind an answer': [{ role: 'assistant', content: 'a' }, { role: 'assistant', content: 'b' }],
    "the last message is the user's or a result": [{ role: 'user', content: 'a' }, { role: 'assistant', content: 'b' }],
    'content of a user is a text': [{ role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }] }],
    'content of all others is a text too, or missing beside calls': [{ role: 'tool', tool_call_id: 'a', content: [{ type: 'text', text: 'a' }] }],
    'ids of other models and versions have nine letters and digits': [{ role: 'assistant', tool_calls: [{ id: 'functions.read:0' }] }],
    'no blank text': [{ role: 'user', content: ' ' }],
    'an answer has text or calls': [{ role: 'assistant', content: null }],
    'each call has one result, right behind it and in order': [{ role: 'assistant', tool_calls: [{ id: 'a' }, { id: 'b' }] }, { role: 'tool', tool_call_id: 'b' }],
    'ids of calls are there and unique': [{ role: 'assistant', tool_calls: [{ id: 'a' }, { id: 'a' }] }],
    'names that all providers take': [{ role: 'assistant', tool_calls: [{ id: 'a', function: { name: 'a b' } }] }],
    'arguments are JSON objects': [{ role: 'assistant', tool_calls: [{ id: 'a', function: { name: 'a', arguments: '[]' } }] }],
    'no half of a surrogate pair': [{ role: 'assistant', tool_calls: [{ id: 'a', function: { name: 'a', arguments: '{"a":"\\ud83d"}' } }] }],
    'thoughts come with rounds only': [{ role: 'assistant', content: 'a', reasoning_content: 'b' }],
  };
  it.each(Object.entries(bad))('%s', (rule, messages) => {
    expect(complaints({ messages }, new Set(['a']))).toEqual(expect.arrayContaining([expect.stringContaining(`${rule}: `)]));
  });
});

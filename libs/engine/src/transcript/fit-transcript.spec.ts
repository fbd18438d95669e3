import type { EngineMessage } from '../messages';
import { fitTranscript, LEFT_OUT, messageTokens, textTokens } from './fit-transcript';

const user = (content: string, runId: string): EngineMessage => ({ role: 'user', runId, content, context: {} });
const says = (content: string, runId: string): EngineMessage => ({ role: 'assistant', runId, content, toolCalls: [], model: 'm' });
const round = (id: string, result: string, runId: string): EngineMessage[] => [
  { role: 'assistant', runId, content: '', model: 'm', toolCalls: [{ id, name: 'ReadFile', input: { path: 'x' }, problem: null }] },
  { role: 'tool', runId, toolCallId: id, toolName: 'ReadFile', content: result, isError: false },
];

describe('the estimate of a text', () => {
  it.each<[string, string, number]>([
    ['English', 'a'.repeat(400), 100],
    ['Chinese, one a character', '漢'.repeat(100), 100],
    ['Thai', 'ก'.repeat(100), 100],
    ['Cyrillic', 'ж'.repeat(100), 100],
    ['French accents', 'é'.repeat(100), 50],
    ['emoji', '😀'.repeat(50), 100],
  ])('of %s', (_what, text, tokens) => expect(textTokens(text)).toBe(tokens));

  it('counts thoughts and signatures, which are sent back', () => {
    const [answer] = round('c1', '', 'r');
    const bare = answer === undefined ? 0 : messageTokens(answer);
    expect(answer?.role === 'assistant' && messageTokens({ ...answer, own: { reasoning_content: 'x'.repeat(400) } })).toBeGreaterThan(bare + 100);
  });
});

describe('fitTranscript', () => {
  it('leaves the older of two runs of 60,000 Chinese characters out of 100,000 tokens', () => {
    const transcript = [user('漢'.repeat(60_000), 'r1'), says('好', 'r1'), user('漢'.repeat(60_000), 'r2')];
    const fitted = fitTranscript(transcript, { runId: 'r2', maxTokens: 100_000, overheadTokens: 500 });
    expect(fitted).toMatchObject({ droppedRuns: 1, droppedResults: 0 });
    expect(fitted.messages).toEqual(transcript.slice(2));
    expect(fitted.estimate).toBeLessThan(61_000);
  });

  it('then replaces the oldest results of the present run, never those of the last two rounds', () => {
    const old = [user('x', 'r1'), says('y', 'r1')];
    const own = [user('go', 'r2'), ...['c1', 'c2', 'c3', 'c4'].flatMap((id) => round(id, 'z'.repeat(4000), 'r2'))];
    const options = { runId: 'r2', overheadTokens: 0 };
    const contents = (maxTokens: number) => {
      const { messages, ...counts } = fitTranscript([...old, ...own], { ...options, maxTokens });
      return { ...counts, results: messages.flatMap((message) => (message.role === 'tool' ? [message.content === LEFT_OUT] : [])) };
    };
    expect(contents(10_000)).toMatchObject({ droppedRuns: 0, droppedResults: 0 });
    expect(contents(3500)).toMatchObject({ droppedRuns: 1, droppedResults: 1, results: [true, false, false, false] });
    expect(contents(100)).toMatchObject({ droppedRuns: 1, droppedResults: 2, results: [true, true, false, false] });
    expect(contents(100).estimate).toBeGreaterThan(2000);
  });

  it('does not replace a result by something longer', () => {
    const own = [user('go', 'r'), ...['c1', 'c2', 'c3'].flatMap((id) => round(id, 'short', 'r'))];
    expect(fitTranscript(own, { runId: 'r', maxTokens: 1, overheadTokens: 0 })).toMatchObject({ droppedResults: 0, messages: own });
  });
});

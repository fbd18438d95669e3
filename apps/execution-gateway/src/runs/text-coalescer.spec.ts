import type { RunEventBody } from '@agentfleet/contracts';
import { TextCoalescer } from './text-coalescer';

const text = (value: string): RunEventBody => ({ type: 'text', data: { text: value, author: 'assistant' } });
const other: RunEventBody = { type: 'status', data: { status: 'x', message: 'x' } };

function rig(waitMs: number) {
  const shown: string[] = [];
  const texts = new TextCoalescer(waitMs, { sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) }, (event) => void shown.push(event.type === 'text' ? event.data.text : event.type));
  return { shown, texts };
}

describe('TextCoalescer', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('lets the first delta leave at once and merges what follows closely', async () => {
    const { shown, texts } = rig(20);
    for (const piece of ['a', 'b', 'c']) texts.add(text(piece));
    expect(shown).toEqual(['a']);
    await jest.advanceTimersByTimeAsync(20);
    expect(shown).toEqual(['a', 'bc']);
    texts.add(text('d'));
    await jest.advanceTimersByTimeAsync(20);
    expect(shown).toEqual(['a', 'bc', 'd']);
  });

  it('keeps the order with other events; after one the next text is a first again', () => {
    const { shown, texts } = rig(20);
    texts.add(text('a'));
    texts.add(text('b'));
    expect(texts.add(other)).toBe(false);
    expect(shown).toEqual(['a', 'b']);
    texts.add(text('c'));
    expect(shown).toEqual(['a', 'b', 'c']);
  });

  it('makes one event per delta when it does not wait, and never too large ones', () => {
    const { shown, texts } = rig(0);
    for (const piece of ['a', 'b']) texts.add(text(piece));
    expect(shown).toEqual(['a', 'b']);
    const merging = rig(20);
    for (let n = 0; n < 4; n++) merging.texts.add(text('x'.repeat(60_000)));
    merging.texts.flush();
    expect(merging.shown.map((piece) => piece.length)).toEqual([60_000, 60_000, 60_000, 60_000]);
  });

  it('forgets what waits when it is told to', async () => {
    const { shown, texts } = rig(20);
    texts.add(text('a'));
    texts.add(text('b'));
    texts.drop();
    await jest.advanceTimersByTimeAsync(100);
    expect(shown).toEqual(['a']);
  });
});

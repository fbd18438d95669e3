import fc from 'fast-check';
import { historyWithPrompt } from './history';
import { resolveOwner, wireTime, wireTimeOrNull, type MessageRole } from './session';

describe('resolveOwner', () => {
  it.each([
    [null, 'u1', { kind: 'create', userId: 'u1' }],
    [null, null, { kind: 'create', userId: 'key-1' }],
    ['u1', 'u1', { kind: 'use' }],
    ['u1', null, { kind: 'use' }],
    ['u1', 'u2', { kind: 'refuse' }],
    ['u1', 'U1', { kind: 'refuse' }],
    ['__proto__', 'constructor', { kind: 'refuse' }],
  ])('session of %j, call for %j', (owner, user, expected) => expect(resolveOwner(owner, user, 'key-1')).toEqual(expected));
});

it('writes times with milliseconds', () => {
  expect(wireTime(Date.UTC(2026, 1, 18, 21, 30))).toBe('2026-02-18T21:30:00.000Z');
  expect(wireTimeOrNull(null)).toBeNull();
});

describe('historyWithPrompt', () => {
  const message = (role: MessageRole, content: string) => ({ role, content });
  const size = (text: string) => text.length;

  it('is the prompt alone without history', () => {
    expect(historyWithPrompt([], 'p', size)).toEqual([message('user', 'p')]);
  });

  it('joins neighbours of one role, the prompt too', () => {
    const earlier = [message('user', 'a'), message('user', 'b'), message('assistant', 'c'), message('user', 'd')];
    expect(historyWithPrompt(earlier, 'p', size)).toEqual([message('user', 'a\n\nb'), message('assistant', 'c'), message('user', 'd\n\np')]);
  });

  it('begins with a user message', () => {
    expect(historyWithPrompt([message('assistant', 'x'), message('user', 'a'), message('assistant', 'b')], 'p', size)).toEqual([
      message('user', 'a'),
      message('assistant', 'b'),
      message('user', 'p'),
    ]);
  });

  it('keeps the newest that fit by number and by size', () => {
    const earlier = Array.from({ length: 10 }, (_, n) => message(n % 2 === 0 ? 'user' : 'assistant', `m${n}`));
    expect(historyWithPrompt(earlier, 'p', size, { messages: 2, bytes: 100 }).map((turn) => turn.content)).toEqual(['m8', 'm9', 'p']);
    expect(historyWithPrompt(earlier, 'p', size, { messages: 100, bytes: 7 }).map((turn) => turn.content)).toEqual(['m8', 'm9', 'p']);
    expect(historyWithPrompt(earlier, 'p', size, { messages: 0, bytes: 100 })).toEqual([message('user', 'p')]);
  });

  it('alternates roles, starts with a user and ends with the prompt, for any history', () => {
    const turn = fc.record({ role: fc.constantFrom<MessageRole[]>('user', 'assistant', 'system'), content: fc.string() });
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 30 }), fc.nat(20), fc.nat(60), fc.string(), (earlier, messages, bytes, prompt) => {
        const result = historyWithPrompt(earlier, prompt, size, { messages, bytes });
        expect(result[0]?.role).toBe('user');
        expect(result.at(-1)?.role).toBe('user');
        expect(result.at(-1)?.content.endsWith(prompt)).toBe(true);
        result.forEach((one, index) => expect(one.role).not.toBe(result[index - 1]?.role));
      }),
    );
  });
});

import { shownText } from './redact';

describe('shownText', () => {
  const key = 'abcdef-GHIJKL-0123456789-uvwxyz';
  it.each([
    ['the key itself', `bad key ${key}!`, 'bad key [hidden]!'],
    ['its beginning', 'bad key abcdef-GHI...!', 'bad key [hidden]!'],
    ['its masked form', 'Incorrect API key provided: abc*****xyz.', 'Incorrect API key provided: [hidden].'],
    ['an OpenAI key', 'use sk-proj-1234abcd now', 'use [hidden] now'],
    ['a bearer string', 'sent Authorization: Bearer tok.en now', 'sent Authorization: Bearer [hidden] now'],
    ['URL credentials', 'GET https://me:pw@host/x', 'GET https://[hidden]@host/x'],
  ])('hides %s', (_what, text, shown) => {
    expect(shownText(text, [key])).toBe(shown);
  });

  it('takes no longer for a provider that quotes a whole input', () => {
    expect(shownText(`${'a'.repeat(3_000_000)} ${key}`, [key])).toHaveLength(500);
    expect(shownText(' '.repeat(3995) + key, [key])).not.toContain('abcdef');
  });

  it('never ends with half a character', () => {
    expect(shownText('x'.repeat(498) + '😀'.repeat(10), [])).toBe(`${'x'.repeat(498)}…`);
  });

  it('shortens to 500 characters', () => {
    expect(shownText('x'.repeat(1000), [])).toHaveLength(500);
  });
});

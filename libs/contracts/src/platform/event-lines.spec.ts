import { eventField, LineReader } from './event-lines';

/** The same, whatever way the text is cut. */
function every<T>(text: string, read: (pieces: readonly string[]) => T): T {
  const ways = [1, 2, 3, 7, Math.max(1, text.length)].map((size) => read(Array.from({ length: Math.ceil(text.length / size) }, (_, n) => text.slice(n * size, (n + 1) * size))));
  for (const way of ways) expect(way).toEqual(ways[0]);
  return read([text]);
}

const linesOf = (text: string) =>
  every(text, (pieces) => {
    const reader = new LineReader();
    return [...pieces.flatMap((piece) => [...reader.add(piece)]), '|', ...reader.end()];
  });

it('ends lines at LF, CR and CR LF, and once for each', () => {
  expect(linesOf('a\nb\rc\r\nd\n\ne\r\rf\r\n\r\ng')).toEqual(['a', 'b', 'c', 'd', '', 'e', '', 'f', '', '|', 'g']);
  expect(linesOf('a\r\n')).toEqual(['a', '|']);
  expect(linesOf('')).toEqual(['|']);
});

it('gives a line as soon as its CR is there', () => expect([...new LineReader().add('a\r')]).toEqual(['a']));

it('does not wait for the end of an endless line', () => {
  const reader = new LineReader(10);
  expect([...reader.add('0123456789\n01234')]).toEqual(['0123456789']);
  expect(() => [...reader.add('567890')]).toThrow(RangeError);
  expect(() => [...new LineReader(10).add('0123456789ab\n')]).toThrow(RangeError);
});

it.each<[string, string, string]>([
  ['data: {"a": 1}', 'data', '{"a": 1}'],
  ['data:a', 'data', 'a'],
  ['data:  a ', 'data', ' a '],
  ['data', 'data', ''],
  ['data:', 'data', ''],
  [': comment', '', 'comment'],
])('%j is the field %j', (line, name, value) => expect(eventField(line)).toEqual({ name, value }));

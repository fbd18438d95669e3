import { decodeCursor, encodeCursor } from './cursor';

test('a position comes back as it was given', () => {
  for (const parts of [[], [0], ['a', 5, 'ü"\n'], [1_700_000_000_000, '67b4f0a2c3d4e5f60718293a']]) {
    const cursor = encodeCursor(parts);
    expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(decodeCursor(cursor)).toEqual(parts);
  }
});

test.each(['', 'nonsense', '%%%', ...[{ a: 1 }, null, 'text', [null], [{}], [[1]]].map((value) => Buffer.from(JSON.stringify(value)).toString('base64url'))])('%s is no cursor of ours', (text) =>
  expect(decodeCursor(text)).toBeUndefined(),
);

import { FieldCipher } from './field-cipher';

const key = (id: string, fill: number) => `${id}:${Buffer.alloc(32, fill).toString('base64')}`;

test('round-trips any text; two records of one text differ', () => {
  const cipher = new FieldCipher(key('k1', 1));
  for (const text of ['', 'secret', '😀\u0000\n', 'x'.repeat(100_000)]) expect(cipher.decrypt(cipher.encrypt(text, 'a.b'), 'a.b')).toBe(text);
  expect(cipher.encrypt('x', 'a.b')).not.toBe(cipher.encrypt('x', 'a.b'));
});

test('a record belongs to its place and cannot be changed', () => {
  const cipher = new FieldCipher(key('k1', 1));
  const record = cipher.encrypt('secret', 'a.b');
  expect(() => cipher.decrypt(record, 'a.c')).toThrow();
  const parts = record.split(':');
  for (const index of [2, 3, 4]) {
    const changed = [...parts];
    changed[index] = Buffer.from('other-bytes').toString('base64url');
    expect(() => cipher.decrypt(changed.join(':'), 'a.b')).toThrow();
  }
  expect(() => cipher.decrypt('plain', 'a.b')).toThrow('Not an encrypted record');
});

test('keys rotate: the first encrypts, all decrypt, a key that is gone is named', () => {
  const old = new FieldCipher(key('old', 1)).encrypt('secret', 'x');
  const rotated = new FieldCipher(`${key('new', 2)},${key('old', 1)}`);
  expect(rotated.decrypt(old, 'x')).toBe('secret');
  expect(rotated.encrypt('secret', 'x')).toMatch(/^v1:new:/);
  expect(() => new FieldCipher(key('new', 2)).decrypt(old, 'x')).toThrow('SECRETS_KEY has no key "old"');
});

test('derived keys differ by purpose and by key', () => {
  const cipher = new FieldCipher(`${key('a', 1)},${key('b', 2)}`);
  const keys = [cipher.derivedKey('x'), cipher.derivedKey('y'), cipher.derivedKey('x', 'b')].map((value) => value.toString('hex'));
  expect(new Set(keys).size).toBe(3);
  expect(cipher.derivedKey('x').toString('hex')).toBe(keys[0]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32, deflateRawSync } from 'node:zlib';
import { readZipMember, zipEntries } from './zip.mjs';

/** A zip archive as the format describes it. */
function zip(members) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, content, stored = false, checksum = crc32(content) } of members) {
    const data = stored ? content : deflateRawSync(content);
    const nameBytes = Buffer.from(name);
    const extra = Buffer.alloc(4); // the local header may have fields that the directory has not
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(nameBytes.length, 26);
    local.writeUInt16LE(extra.length, 28);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(stored ? 0 : 8, 10);
    entry.writeUInt32LE(checksum, 16);
    entry.writeUInt32LE(data.length, 20);
    entry.writeUInt32LE(content.length, 24);
    entry.writeUInt16LE(nameBytes.length, 28);
    entry.writeUInt32LE(offset, 42);
    parts.push(local, nameBytes, extra, data);
    directory.push(entry, nameBytes);
    offset += local.length + nameBytes.length + extra.length + data.length;
  }
  const end = Buffer.alloc(22 + 7);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(7, 20);
  end.write('comment', 22);
  return Buffer.concat([...parts, ...directory, end]);
}

const big = Buffer.from('mongod '.repeat(50_000));

test('reads packed and stored members, past a comment and extra fields', () => {
  const archive = zip([
    { name: 'a/first.txt', content: Buffer.from('one'), stored: true },
    { name: 'a/bin/mongod', content: big },
    { name: 'empty', content: Buffer.alloc(0) },
  ]);
  assert.deepEqual(zipEntries(archive).map(({ name }) => name), ['a/first.txt', 'a/bin/mongod', 'empty']);
  assert.equal(readZipMember(archive, 'a/first.txt').toString(), 'one');
  assert.ok(readZipMember(archive, 'a/bin/mongod').equals(big));
  assert.equal(readZipMember(archive, 'empty').length, 0);
});

test('refuses what is damaged, missing or no archive', () => {
  const archive = zip([{ name: 'x', content: big, checksum: 1 }]);
  assert.throws(() => readZipMember(archive, 'x'), /wrong checksum/);
  assert.throws(() => readZipMember(archive, 'y'), /no member y/);
  assert.throws(() => zipEntries(Buffer.from('not a zip archive at all')), /not a zip archive/);
  assert.throws(() => zipEntries(Buffer.alloc(3)), /not a zip archive/);
});

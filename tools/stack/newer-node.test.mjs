import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { newerNodeNote } from './newer-node.mjs';

let root;
const place = (name, script) => {
  const directory = join(root, name);
  mkdirSync(directory);
  writeFileSync(join(directory, 'node'), script);
  chmodSync(join(directory, 'node'), 0o755);
  return directory;
};
before(() => (root = mkdtempSync(join(tmpdir(), 'nodes-'))));
after(() => rmSync(root, { recursive: true }));

test('tells of the newest Node on the PATH, and how to use it, when this one is old', async () => {
  const own = place('own', '#!/bin/sh\necho v20.20.2\n');
  const newer = place('newer', '#!/bin/sh\necho v22.1.0\n');
  const newest = place('newest', '#!/bin/sh\necho v24.21.0\n');
  const strange = place('strange', '#!/bin/sh\necho hello\n');
  const broken = place('broken', '#!/bin/sh\nexit 1\n');
  const path = [own, strange, broken, join(root, 'missing'), newer, newest, ''].join(delimiter);
  const ask = (version, among = path) => newerNodeNote({ version, execPath: join(own, 'node'), path: among });
  assert.equal(await ask('v20.20.2'), `Node v24.21.0 is on the PATH too and needs about half the processor time of v20.20.2:  PATH="${newest}:$PATH" npm start`);
  assert.equal(await ask('v22.1.0'), undefined);
  assert.equal(await ask('v20.20.2', own), undefined);
  assert.equal(await ask('v20.20.2', [own, strange, broken].join(delimiter)), undefined);
});

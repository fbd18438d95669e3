import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createProgress } from '../workspace/progress.mjs';
import { isAlive, waitUntil } from '../workspace/run.mjs';
import { addressProblems } from './addresses.mjs';
import { findRedisServer, notFoundText } from './find-servers.mjs';
import { createKeeper } from './keeper-client.mjs';
import { tellsOfNoNetwork } from './no-network.mjs';
import { explainExit, probe, versionIn } from './probe.mjs';
import { checkMongo } from './replica-set.mjs';

const directory = mkdtempSync(join(tmpdir(), 'agentfleet-tools-test-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function script(name, text) {
  const file = join(directory, name);
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

test('finds the version in what the servers print', () => {
  assert.equal(versionIn('db version v6.0.5\nBuild Info: {'), '6.0.5');
  assert.equal(versionIn('Redis server v=6.2.14 sha=00000000:0 malloc=jemalloc-5.1.0 bits=64'), '6.2.14');
  assert.equal(versionIn('hello'), undefined);
});

test('names the missing library and the command that installs it', () => {
  const output = 'mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file';
  assert.deepEqual(explainExit('/x/mongod', 127, null, output), {
    problem: '/x/mongod needs the system library libcurl.so.4, which is missing',
    mend: 'apt-get install -y libcurl4',
  });
  assert.match(explainExit('m', 1, null, "libc.so.6: version `GLIBC_2.34' not found").problem, /newer system \(GLIBC_2\.34\)/);
  assert.match(explainExit('m', null, 'SIGILL', '').problem, /processor/);
  assert.match(notFoundText('mongod', ['PATH: no mongod'], ['apt-get install -y libcurl4']), /run: {2}apt-get install -y libcurl4/);
});

test('without a network it says so first, and names no command that does not help', () => {
  const text = (name, failures) => notFoundText(name, [], [], failures);
  assert.match(text('mongod', { unreached: true, pip: 'unreached' }), /To mend it, connect to a network .* run this again/);
  assert.doesNotMatch(text('mongod', { unreached: true, pip: 'unreached' }), /apt-get/);
  assert.match(text('mongod', { unreached: true }), /connect to a network first, and run: {2}apt-get install -y python3-pip libcurl4/);
  assert.match(text('mongod', { unreached: true, pip: 'failed' }), /install MongoDB as https/);
  assert.match(text('mongod', {}), /To mend it, run: {2}apt-get install -y python3-pip libcurl4/);
  assert.match(text('redis-server', { pip: 'failed' }), /To mend it, run: {2}apt-get install -y redis-server/);
  assert.match(notFoundText('mongod', [], ['apt-get install -y libcurl4'], { unreached: true, pip: 'unreached' }), /run: {2}apt-get install -y libcurl4/);
});

test('knows in what pip, apt-get and Node say that nobody was reached', () => {
  for (const words of [
    "WARNING: Retrying after connection broken by 'NewConnectionError(...): [Errno -3] Temporary failure in name resolution'\nERROR: No matching distribution found for x",
    "E: Failed to fetch http://x Temporary failure resolving 'x'",
    'problem=getaddrinfo EAI_AGAIN x',
  ]) assert.equal(tellsOfNoNetwork(words), true);
  for (const words of ['ERROR: No matching distribution found for x', 'E: Unable to locate package redis-server', 'HTTP 403']) assert.equal(tellsOfNoNetwork(words), false);
});

test('an address that cannot be one is told without its value', () => {
  for (const good of ['mongodb://h/db', 'mongodb://u:p@a:1,b:2/db?replicaSet=r', 'mongodb+srv://c.example/db', '', undefined]) assert.deepEqual(addressProblems({ MONGODB_URI: good }), []);
  for (const good of ['redis://h', 'rediss://:p@h:1/0']) assert.deepEqual(addressProblems({ REDIS_URL: good }), []);
  for (const bad of ['foo', 'localhost:27017', 'http://h', 'mongodb://', 'mongodb:secret']) {
    const [problem] = addressProblems({ MONGODB_URI: bad });
    assert.match(problem, /^MONGODB_URI is no address: it must look like mongodb:\/\/127/);
    assert.doesNotMatch(problem, /foo|secret/);
  }
  for (const bad of ['foo', 'redis://', 'redis://h:port']) assert.match(addressProblems({ REDIS_URL: bad })[0], /^REDIS_URL is no address: it must look like redis:/);
});

test('what MongoDB cannot read in an address is told as such, not as a server that is down', async () => {
  await assert.rejects(checkMongo('mongodb://127.0.0.1:1/?replicaSet'), /^UserError: MONGODB_URI is no address \(.+\): it must look like mongodb:/);
});

test('probes a binary by running it', async () => {
  assert.deepEqual(await probe(script('good', 'echo "db version v7.0.1"')), { ok: true, version: '7.0.1' });
  const broken = await probe(script('broken', 'echo "x: error while loading shared libraries: libssl.so.3: no" >&2; exit 127'));
  assert.deepEqual([broken.ok, broken.mend], [false, 'apt-get install -y libssl3']);
  assert.equal((await probe(join(directory, 'nothing-here'))).ok, false);
});

test('takes the server on the PATH first', async () => {
  const file = script('redis-server', 'echo "Redis server v=7.2.0 sha=0"');
  const found = await findRedisServer(createProgress(() => undefined), { PATH: directory, XDG_CACHE_HOME: join(directory, 'cache') });
  assert.deepEqual(found, { file, version: '7.2.0' });
});

test('apt-get is not used when it is forbidden', async () => {
  const empty = { PATH: mkdtempSync(join(directory, 'empty-')), XDG_CACHE_HOME: join(directory, 'no-cache') };
  const saved = process.env.PATH;
  process.env.PATH = empty.PATH; // no python3 either, so that nothing is fetched
  try {
    writeFileSync(join(empty.PATH, 'apt-get'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    await assert.rejects(findRedisServer(createProgress(() => undefined), empty, false), (error) => {
      assert.match(error.message, /apt-get: forbidden by --no-install/);
      assert.match(error.message, /apt-get install -y redis-server/);
      return true;
    });
  } finally {
    process.env.PATH = saved;
  }
});

test('a keeper whose directory is removed says so and goes on', async () => {
  const keeper = createKeeper();
  await assert.rejects(
    keeper.start({ id: 'x', file: process.execPath, args: ['-e', ''], log: join(directory, 'removed', 'x.log'), stopMs: 1000 }),
    /its log cannot be written \(ENOENT/,
  );
  const pid = await keeper.start({ id: 'y', file: process.execPath, args: ['-e', 'setInterval(() => 0, 1000)'], log: join(directory, 'y.log'), stopMs: 5000 });
  assert.ok(isAlive(pid));
  await keeper.stop();
  assert.equal(isAlive(pid), false);
});

test('the keeper starts servers, tells of their end, and stops them in order', async () => {
  const keeper = createKeeper();
  const exits = [];
  keeper.onExitOf('short', (how) => exits.push(how));
  const long = await keeper.start({ id: 'long', file: process.execPath, args: ['-e', 'setInterval(() => 0, 1000)'], log: join(directory, 'l'), stopMs: 5000 });
  await keeper.start({ id: 'short', file: process.execPath, args: ['-e', 'process.exit(3)'], log: join(directory, 's'), stopMs: 5000 });
  assert.ok(await waitUntil(() => exits.length === 1, 10_000));
  assert.deepEqual(exits, [{ code: 3, signal: null }]);
  await assert.rejects(keeper.start({ id: 'none', file: join(directory, 'nothing-here'), args: [], log: join(directory, 'n'), stopMs: 1 }), /ENOENT/);
  assert.ok(isAlive(long));
  const doomed = join(directory, 'doomed');
  writeFileSync(doomed, '');
  keeper.removeAtEnd(doomed);
  await keeper.stop();
  assert.equal(isAlive(long), false);
  assert.throws(() => rmSync(doomed), /ENOENT/);
});

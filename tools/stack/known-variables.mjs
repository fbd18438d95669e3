import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Read by the tools themselves, no app knows them. */
const OF_THE_TOOLS = ['XDG_CACHE_HOME'];
/** `  AIWM_PORT: integer({ ...`: how env.ts and platform-variables.ts declare a variable. */
const DECLARATION = /^\s+([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*): [a-zA-Z]+[(<]/gm;
/** Names this short are others' too: `HOSTS`, `HOME`. */
const SHORTEST_COMPARED = 7;

/** The names of all variables of all apps, out of their sources: before anything is built nobody can be asked. */
export function knownVariables(root) {
  const names = existsSync(join(root, 'apps')) ? readdirSync(join(root, 'apps')) : [];
  const apps = names.map((app) => join(root, 'apps', app, 'src/env.ts'));
  const files = [join(root, 'libs/platform/src/env/platform-variables.ts'), ...apps].filter((file) => existsSync(file));
  return [...OF_THE_TOOLS, ...files.flatMap((file) => [...readFileSync(file, 'utf8').matchAll(DECLARATION)].map(([, name]) => name))];
}

/**
 * What is most likely misspelled, in the words that the apps use later (libs/platform/src/env/define-env.ts, which
 * stack.test.mjs holds this against).
 */
export function misspelledNotes(variables, known) {
  return Object.keys(variables).flatMap((name) => {
    if (name.length < SHORTEST_COMPARED || known.includes(name)) return [];
    const upper = name.toUpperCase();
    const meant = known.find((candidate) => upper === candidate || isOneSlipAway(upper, candidate));
    return meant === undefined ? [] : [`${name} is no variable and is ignored; did you mean ${meant}?`];
  });
}

/** One letter is missing, added or another one, or two neighbours are swapped. */
function isOneSlipAway(a, b) {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  const at = [...long].findIndex((letter, index) => letter !== short[index]);
  if (at < 0 || long.length - short.length > 1) return false;
  if (long.length > short.length) return short.slice(at) === long.slice(at + 1);
  return short.slice(at + 1) === long.slice(at + 1) || (short[at] === long[at + 1] && short[at + 1] === long[at] && short.slice(at + 2) === long.slice(at + 2));
}

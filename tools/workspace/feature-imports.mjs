// How the features of an app, and the folders of a library, may lean on each other. Pure: works on texts, so that the tests can show violations.
import { posix } from 'node:path';

const IMPORT = /(?:^|\n)\s*(?:import|export)\s+(?:type\s+)?(?:([^'";]*?)\s+from\s+)?'(\.\.?\/[^']+)'/g;
const TEST_FILE = /\.(spec|int-spec|e2e-spec|fixture|spec-helper)\.ts$/;

/** Relative imports of a file: `{ names, target }`, target without its extension. */
export function relativeImports(path, text) {
  return [...text.matchAll(IMPORT)].map(([, clause = '', specifier]) => ({
    names: [...(/\{([^}]*)\}/.exec(clause)?.[1] ?? '').matchAll(/(?:type\s+)?(\w+)(?:\s+as\s+\w+)?/g)].map(([, name]) => name).filter((name) => name !== 'type'),
    target: posix.join(posix.dirname(path), specifier),
  }));
}

const listOf = (text, field) => {
  const list = new RegExp(`${field}:\\s*\\[([^\\]]*)\\]`).exec(text)?.[1] ?? '';
  return new Set([...list.matchAll(/\b([A-Z]\w*)\b/g)].map(([, name]) => name));
};

/**
 * The feature that a path of `apps/<app>/src/` belongs to: the deepest folder on its way that has a module, or else its folder in
 * `src/`; undefined for the app's own files.
 */
function featureFinder(product) {
  const withModule = new Set(product.filter(([path]) => path.endsWith('.module.ts')).map(([path]) => posix.dirname(path)));
  return (path) => {
    const [top] = /^apps\/[^/]+\/src\/[^/]+(?=\/)/.exec(path) ?? [];
    for (let folder = posix.dirname(path); top !== undefined && folder.length > top.length; folder = posix.dirname(folder)) if (withModule.has(folder)) return folder;
    return top;
  };
}

/** In a library each folder in `src/` is one, and each file beside them for itself; the index only hands on. */
const libraryPart = (path) => (/^libs\/[^/]+\/src\/index(\.ts)?$/.test(path) ? undefined : /^libs\/[^/]+\/src\/[^/]+?(?=\/|(\.ts)?$)/.exec(path)?.[0]);

/**
 * @param files path → text of all files of `apps/` and `libs/`
 * @returns what is wrong, each with the right way
 */
export function featureProblems(files) {
  const product = [...files].filter(([path]) => path.endsWith('.ts') && !TEST_FILE.test(path));
  const apps = product.filter(([path]) => path.startsWith('apps/'));
  const featureOf = featureFinder(apps);
  return [...cycleProblems(apps, featureOf), ...cycleProblems(product, libraryPart), ...moduleProblems(apps, featureOf)];
}

function cycleProblems(product, featureOf) {
  const uses = new Map();
  for (const [path, text] of product) {
    const from = featureOf(path);
    for (const { target } of from === undefined ? [] : relativeImports(path, text)) {
      const to = featureOf(target);
      if (to === undefined || to === from) continue;
      if (!uses.has(from)) uses.set(from, new Map());
      uses.get(from).set(to, path);
    }
  }
  const problems = [];
  const done = new Set();
  const walk = (feature, way) => {
    if (way.includes(feature)) {
      const circle = [...way.slice(way.indexOf(feature)), feature];
      const ties = circle.slice(1).map((to, index) => uses.get(circle[index])?.get(to));
      problems.push(`Folders import each other in a circle: ${circle.join(' → ')} (${ties.join(', ')}). Move what both need into a folder below them, or let one notify the other.`);
      return;
    }
    if (done.has(feature)) return;
    for (const next of uses.get(feature)?.keys() ?? []) walk(next, [...way, feature]);
    done.add(feature);
  };
  for (const feature of uses.keys()) walk(feature, []);
  return problems;
}

/** Providers of another feature come from what its one module exports. */
function moduleProblems(product, featureOf) {
  const modules = new Map();
  const problems = [];
  for (const [path, text] of product) {
    const feature = featureOf(path);
    if (feature === undefined || !path.endsWith('.module.ts')) continue;
    if (modules.has(feature)) problems.push(`${path}: ${feature} has another module already; a feature has one.`);
    modules.set(feature, { providers: new Set([...listOf(text, 'providers'), ...listOf(text, 'controllers')]), exports: listOf(text, 'exports') });
  }
  for (const [path, text] of product) {
    const from = featureOf(path);
    if (from === undefined) continue;
    if (/^@(Injectable|Controller|SocketGateway)\(/m.test(text) && !modules.has(from)) problems.push(`${path}: ${from} has no module; a feature has one (${from.split('/').at(-1)}.module.ts).`);
    for (const { names, target } of relativeImports(path, text)) {
      const to = featureOf(target);
      const module = to === undefined || to === from ? undefined : modules.get(to);
      for (const name of names) {
        if (module?.providers.has(name) && !module.exports.has(name)) {
          problems.push(`${path} imports ${name}, which the module of ${to} does not export. Use what it exports, or export it there.`);
        }
      }
    }
  }
  return problems;
}

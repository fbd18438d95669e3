import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { readIfThere } from './files.mjs';
import { UserError } from './progress.mjs';
import { lastLines, packageBin, run } from './run.mjs';

const STAMP = 'dist/.built-from';
const ROOT_FILES = ['nx.json', 'package-lock.json', 'tsconfig.base.json', 'webpack.app.js'];
const TREES = ['apps', 'libs'];
/** What does not change the built apps. */
const IGNORED_FILE = /(\.(spec|int-spec)\.tsx?|\.md)$/;
const IGNORED_DIRECTORIES = new Set(['node_modules', 'dist', '.cache', 'coverage']);

/** Builds what changed since the last build; does not even start Nx when nothing did (that alone takes seconds). */
export async function buildIfNeeded(root, progress, { force = false } = {}) {
  const inputs = inputsHash(root);
  if (!force && readIfThere(join(root, STAMP)) === inputs && missingOutputs(root).length === 0) return false;
  rmSync(join(root, STAMP), { force: true });
  await progress.step('Building', () => build(root));
  const missing = missingOutputs(root);
  if (missing.length > 0) throw new UserError(`the build did not make ${missing.join(', ')}`);
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(join(root, STAMP), inputs);
  return true;
}

async function build(root) {
  const { code, output } = await run(process.execPath, [packageBin(root, 'nx'), 'run-many', '-t', 'build', '--outputStyle=static'], {
    cwd: root,
    // The daemon would stay behind; its terminal interface hides the output.
    env: { ...process.env, NX_DAEMON: 'false', NX_TUI: 'false', NODE_ENV: 'production', NO_COLOR: '1' },
  });
  if (code !== 0) throw new UserError(`the build failed. The end of what it said:\n${lastLines(output, 60)}`);
}

/** One hash over the content of everything that goes into the built apps. */
export function inputsHash(root) {
  const hash = createHash('sha256').update(process.versions.node.split('.')[0]);
  const files = [...ROOT_FILES.map((name) => join(root, name)), ...TREES.flatMap((tree) => filesBelow(join(root, tree)))];
  for (const file of files) {
    if (!existsSync(file)) continue;
    hash.update(`\0${relative(root, file)}\0`).update(readFileSync(file));
  }
  return `${hash.digest('hex')}\n`;
}

function filesBelow(directory) {
  if (!existsSync(directory)) return [];
  const entries = readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return IGNORED_DIRECTORIES.has(entry.name) ? [] : filesBelow(path);
    return entry.isFile() && !IGNORED_FILE.test(entry.name) ? [path] : [];
  });
}

/** Projects in apps/ whose output is not there, by its path. */
function missingOutputs(root) {
  const apps = readdirSync(join(root, 'apps'), { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && existsSync(join(root, 'apps', entry.name, 'project.json')),
  );
  return apps
    .map(({ name }) => (existsSync(join(root, 'apps', name, 'webpack.config.js')) ? `dist/apps/${name}/main.js` : `dist/apps/${name}`))
    .filter((output) => !existsSync(join(root, output)));
}

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildIfNeeded } from './build.mjs';
import { readIfThere } from './files.mjs';
import { checkOpenapi } from './openapi.mjs';
import { lastLines, packageBin, run } from './run.mjs';

/** No step may hang for ever. */
const STEP_LIMIT_MS = 20 * 60_000;
/** The Nx daemon would stay behind after the tests. NODE_TEST_CONTEXT would make `node --test` write another format. */
function environment() {
  const { NODE_TEST_CONTEXT: _context, ...variables } = process.env;
  return { ...variables, NX_DAEMON: 'false', NX_TUI: 'false', ...(process.stdout.isTTY ? {} : { NO_COLOR: '1' }) };
}

/**
 * The steps of `npm test`. Each `work` returns `{passed, failed, text?}`: text is what to show about failures.
 * `needs` names a step without whose success this one makes no sense.
 */
export function checkSteps(root, progress) {
  return [
    { name: 'lint', title: 'Lint', work: () => lint(root) },
    { name: 'types', title: 'Types', work: () => program(root, ['typescript', 'tsc', '-p', 'tsconfig.check.json']) },
    { name: 'build', title: 'Build', work: () => build(root, progress) },
    { name: 'openapi', title: 'OpenAPI documents', needs: 'build', work: () => openapi(root) },
    { name: 'tools', title: "The tools' own tests", work: () => nodeTests(root) },
    { name: 'unit', title: 'Unit tests', work: () => jest(root, 'jest.config.cjs') },
    { name: 'int', title: 'Integration tests', work: () => jest(root, 'jest.int.config.cjs') },
    { name: 'e2e', title: 'End-to-end tests', needs: 'build', work: () => jest(root, 'jest.e2e.config.cjs') },
  ];
}

async function program(root, [name, command, ...args]) {
  const { code, signal, output } = await run(process.execPath, [packageBin(root, name, command), ...args], { cwd: root, env: environment(), timeoutMs: STEP_LIMIT_MS });
  if (code === 0) return { passed: 1, failed: 0, output };
  return { passed: 0, failed: 1, output, text: `${lastLines(output, 100)}\n(${signal ?? `exit code ${code}`})` };
}

/** The import rules read Nx's project graph; without one they say so in a warning and let everything pass. */
async function lint(root) {
  const graph = await program(root, ['nx', 'nx', 'show', 'projects']);
  if (graph.failed > 0) return graph;
  const result = await program(root, ['eslint', 'eslint', '--max-warnings', '0', 'apps', 'libs', 'e2e']);
  if (!result.output.includes('No cached ProjectGraph')) return result;
  return { passed: 0, failed: 1, text: 'ESLint found no project graph of Nx, so the import rules were not checked' };
}

async function build(root, progress) {
  try {
    await buildIfNeeded(root, progress);
    return { passed: 1, failed: 0 };
  } catch (error) {
    return { passed: 0, failed: 1, text: error.message };
  }
}

async function openapi(root) {
  const results = await checkOpenapi(root);
  const problems = results.flatMap(({ problem }) => problem ?? []);
  return { passed: results.length - problems.length, failed: problems.length, text: problems.join('\n') };
}

/** Jest writes what it finds to the terminal itself; the counts come from its report. */
async function jest(root, config) {
  const directory = mkdtempSync(join(tmpdir(), 'agentfleet-jest-'));
  const report = join(directory, 'report.json');
  try {
    const { code, signal } = await run(
      process.execPath,
      [packageBin(root, 'jest'), '-c', config, '--passWithNoTests', '--json', '--outputFile', report],
      { cwd: root, env: environment(), timeoutMs: STEP_LIMIT_MS, inherit: true },
    );
    return jestCounts(readIfThere(report), code, signal);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A file that does not even load counts as one failure; so does Jest ending badly without having said why. */
export function jestCounts(report, code, signal) {
  if (report === undefined) {
    if (code === 0) return { passed: 0, failed: 0 };
    return { passed: 0, failed: 1, text: `Jest ended with ${signal ?? `exit code ${code}`} before any test ran (its words are above)` };
  }
  const { numPassedTests: passed, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(report);
  const failed = numFailedTests + numRuntimeErrorTestSuites;
  if (code !== 0 && failed === 0) return { passed, failed: 1, text: `Jest ended with ${signal ?? `exit code ${code}`}` };
  return { passed, failed };
}

async function nodeTests(root) {
  const files = testFiles(join(root, 'tools'));
  if (files.length === 0) return { passed: 0, failed: 0 };
  const args = ['--test', '--test-reporter=tap', ...files];
  const { code, output } = await run(process.execPath, args, { cwd: root, env: environment(), timeoutMs: STEP_LIMIT_MS });
  return tapCounts(output, code);
}

/** The counts at the end of the TAP text that `node --test` writes. */
export function tapCounts(output, code) {
  const count = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
  const passed = count('pass');
  const failed = count('fail') + count('cancelled');
  const text = failed > 0 || code !== 0 ? lastLines(output, 100) : undefined;
  return { passed, failed: code !== 0 ? Math.max(1, failed) : failed, text };
}

function testFiles(directory) {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.mjs'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

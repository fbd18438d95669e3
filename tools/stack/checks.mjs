import { portProblem } from '../workspace/ports.mjs';
import { UserError } from '../workspace/progress.mjs';
import { lastLines, run, waitUntil } from '../workspace/run.mjs';

/** Apps of a supervisor that was killed notice it by themselves and end within this time. */
const LEFT_OVER_LIMIT_MS = 15_000;

/** Throws one UserError that names every port that cannot be listened on, and the variable that changes it. */
export async function requireFreePorts(plan, host, { leftOver, progress }) {
  let problems = await portProblems(plan, host);
  if (problems.length > 0 && leftOver) {
    await progress.step('Waiting for the apps of a stack that was killed', () =>
      waitUntil(async () => (problems = await portProblems(plan, host)).length === 0, LEFT_OVER_LIMIT_MS),
    );
  }
  if (problems.length > 0) throw new UserError(problems.join('\n'));
}

async function portProblems(plan, host) {
  const found = await Promise.all(plan.map(async (entry) => ({ entry, problem: await portProblem(entry.port, host) })));
  return found.filter(({ problem }) => problem).map(({ entry, problem }) => portText(entry, host, problem));
}

/** What to tell about a port that cannot be used. */
export function portText({ name, index, port, portVariable }, host, problem) {
  if (problem === 'EADDRNOTAVAIL' || problem === 'ENOTFOUND') return `HOST is ${host}, which is no address of this machine (${problem})`;
  const who = index > 0 ? `replica ${index + 1} of ${name}` : name;
  const what = problem === 'EACCES' ? 'needs more rights' : problem === 'EADDRINUSE' ? 'is in use' : `cannot be used (${problem})`;
  const other = port + 1000 <= 65535 ? port + 1000 : port - 1000;
  const hint = index > 0 ? `set ${portVariable} to a port with free ones above it` : `set another one, for example ${portVariable}=${other}`;
  return `Port ${port} of ${who} ${what}; end what uses it, or ${hint}`;
}

/**
 * Lets every app check its variables. Throws one UserError with all that is wrong.
 * @returns {Promise<string[]>} what is not wrong, but hardly meant: `AIWM_PROT is no variable ...`
 */
export async function requireValidVariables(plan, commandOf, environmentOf) {
  const first = plan.filter(({ index }) => index === 0);
  const results = await Promise.all(
    first.map(async (entry) => {
      const { file, args, cwd } = commandOf(entry);
      const { code, signal, output } = await run(file, [...args, '--check-env'], { cwd, env: environmentOf(entry), timeoutMs: 60_000 });
      if (code !== 0) return { name: entry.name, failed: true, output, how: signal ?? `exit code ${code}`, notes: [] };
      return { notes: [...output.matchAll(/^note: (.+)$/gm)].map(([, note]) => note) };
    }),
  );
  const failures = results.filter(({ failed }) => failed);
  if (failures.length > 0) throw new UserError(variablesText(failures));
  return [...new Set(results.flatMap(({ notes }) => notes))];
}

/**
 * What several apps say of one variable is said once, with their names.
 * @param failures `{name: of the app, output, how: it ended}`
 */
export function variablesText(failures) {
  const appsByProblem = new Map();
  const unclear = [];
  for (const { name, output, how } of failures) {
    const problems = [...output.matchAll(/^  ([A-Z][A-Z0-9_]* .+)$/gm)].map(([, problem]) => problem);
    for (const problem of problems) appsByProblem.set(problem, [...(appsByProblem.get(problem) ?? []), name]);
    if (problems.length === 0) unclear.push(checkText(name, output, how));
  }
  const lines = [...appsByProblem].map(([problem, apps]) => `  ${problem}  (${apps.join(', ')})`);
  return ['Variables that do not work:', ...lines, ...unclear].join('\n');
}

function checkText(name, output, how) {
  const said = lastLines(output, 15).trim() || `it said nothing (${how})`;
  return `${name}:\n${said.split('\n').map((line) => `  ${line}`).join('\n')}`;
}

// `npm test`: everything a change has to pass. `--only unit,int` runs only these steps. Last line: N passed, N failed.
import { requireNode } from './workspace/node-version.mjs';

requireNode();
const { ROOT } = await import('./workspace/paths.mjs');
const { createProgress, exitWith, UserError } = await import('./workspace/progress.mjs');
const { installIfNeeded } = await import('./workspace/install.mjs');
const { checkSteps } = await import('./workspace/check-steps.mjs');

const progress = createProgress();
try {
  await installIfNeeded(ROOT, progress);
  const steps = chosenSteps(checkSteps(ROOT, progress), process.argv.slice(2));
  const results = new Map();
  for (const step of steps) {
    const blocked = step.needs !== undefined && (results.get(step.needs)?.failed ?? 0) > 0;
    results.set(step.name, blocked ? { passed: 0, failed: 1, text: `not run, because ${step.needs} failed` } : await runStep(step));
  }
  summarise(steps, results);
} catch (error) {
  if (!(error instanceof UserError)) exitWith(error);
  // Whatever reads the last line must find it also when not even the packages could be installed.
  process.stdout.write(`${error.message}\n0 passed, 1 failed\n`, () => process.exit(1));
}

async function runStep(step) {
  try {
    const result = await progress.step(step.title, step.work);
    if (result.failed > 0) progress.line(`${step.title}: ${result.failed} failed\n${result.text ?? ''}`.trimEnd());
    return result;
  } catch (error) {
    progress.line(`${step.title}: ${error?.stack ?? error}`);
    return { passed: 0, failed: 1 };
  }
}

function chosenSteps(all, args) {
  if (args.length === 0) return all;
  const names = all.map((step) => step.name);
  const only = args[0] === '--only' ? args.slice(1) : args.map((argument) => argument.replace(/^--only=/, ''));
  const wanted = only.flatMap((part) => part.split(',')).filter(Boolean);
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined || wanted.length === 0) {
    throw new UserError(`npm test knows one flag: --only with some of ${names.join(',')}; not ${unknown ?? 'nothing'}`);
  }
  return all.filter((step) => wanted.includes(step.name));
}

function summarise(steps, results) {
  let passed = 0;
  let failed = 0;
  progress.line('');
  for (const { name, title } of steps) {
    const result = results.get(name);
    passed += result.passed;
    failed += result.failed;
    progress.line(`${title.padEnd(24)} ${result.passed} passed, ${result.failed} failed`);
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`, () => process.exit(failed > 0 ? 1 : 0));
}

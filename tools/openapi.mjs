// `npm run openapi`: writes openapi/<app>.json from the built apps; with `--check` only compares.
import { requireNode } from './workspace/node-version.mjs';

requireNode();
const { ROOT } = await import('./workspace/paths.mjs');
const { createProgress, exitWith, UserError } = await import('./workspace/progress.mjs');
const { installIfNeeded } = await import('./workspace/install.mjs');
const { buildIfNeeded } = await import('./workspace/build.mjs');
const { checkOpenapi, writeOpenapi } = await import('./workspace/openapi.mjs');

const progress = createProgress();
try {
  await installIfNeeded(ROOT, progress);
  await buildIfNeeded(ROOT, progress);
  const problems = process.argv.includes('--check')
    ? (await checkOpenapi(ROOT)).flatMap(({ problem }) => problem ?? [])
    : await writeOpenapi(ROOT);
  if (problems.length > 0) throw new UserError(problems.join('\n'));
  progress.line('The OpenAPI documents are up to date.');
} catch (error) {
  exitWith(error);
}

// `npm run build`: installs what is missing, builds what changed. `--force` builds even when nothing did.
import { requireNode } from './workspace/node-version.mjs';

requireNode();
const { ROOT } = await import('./workspace/paths.mjs');
const { createProgress, exitWith } = await import('./workspace/progress.mjs');
const { installIfNeeded } = await import('./workspace/install.mjs');
const { buildIfNeeded } = await import('./workspace/build.mjs');

const progress = createProgress();
try {
  await installIfNeeded(ROOT, progress);
  const built = await buildIfNeeded(ROOT, progress, { force: process.argv.includes('--force') });
  if (!built) progress.line('Nothing to build: dist is up to date.');
} catch (error) {
  exitWith(error);
}

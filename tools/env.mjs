// `npm run env`: writes `.env` with generated secrets for docker compose. `--force` replaces an existing one.
import { requireNode } from './workspace/node-version.mjs';

requireNode();
const { existsSync } = await import('node:fs');
const { join } = await import('node:path');
const { ROOT } = await import('./workspace/paths.mjs');
const { exitWith, UserError } = await import('./workspace/progress.mjs');
const { writePrivateFile } = await import('./workspace/files.mjs');
const { renderEnvFile } = await import('./workspace/env-file.mjs');
const { generateSecrets } = await import('./stack/secrets.mjs');

const file = join(ROOT, '.env');
try {
  const unknown = process.argv.slice(2).find((argument) => argument !== '--force');
  if (unknown) throw new UserError(`npm run env does not know ${unknown}; its only flag is --force`);
  if (existsSync(file) && !process.argv.includes('--force')) {
    throw new UserError(
      `${file} is already there and was not touched. Stored secrets can be read only with its SECRETS_KEY;\n` +
        'to replace it all the same:  npm run env -- --force',
    );
  }
  writePrivateFile(file, renderEnvFile({ ...generateSecrets(), AIWM_ADMIN_EMAIL: process.env.AIWM_ADMIN_EMAIL || 'admin@localhost' }));
  process.stdout.write(`Wrote ${file} (readable by you only). The first administrator's password is AIWM_ADMIN_PASSWORD in it.\nNext:  docker compose up --build\n`);
} catch (error) {
  exitWith(error);
}

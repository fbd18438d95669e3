import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readIfThere } from './files.mjs';
import { lastLines, run } from './run.mjs';

/** Every app that has an HTTP interface; its document is openapi/<app>.json. */
export const DOCUMENTED_APPS = ['aiwm', 'vps-bridge', 'cluster-agent', 'execution-gateway'];

/** Writes the documents of the built apps. @returns problems, one text each */
export async function writeOpenapi(root) {
  mkdirSync(join(root, 'openapi'), { recursive: true });
  const results = await Promise.all(DOCUMENTED_APPS.map((app) => generate(root, app, join(root, 'openapi', `${app}.json`))));
  return results.filter(Boolean);
}

/**
 * Compares the documents of the built apps with the committed ones.
 * @returns {Promise<{app: string, problem?: string}[]>}
 */
export async function checkOpenapi(root) {
  const directory = mkdtempSync(join(tmpdir(), 'agentfleet-openapi-'));
  try {
    return await Promise.all(
      DOCUMENTED_APPS.map(async (app) => {
        const file = join(directory, `${app}.json`);
        const failed = await generate(root, app, file);
        return { app, problem: failed ?? differenceText(app, readIfThere(join(root, 'openapi', `${app}.json`)), readIfThere(file)) };
      }),
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function generate(root, app, file) {
  const { code, signal, output } = await run(process.execPath, [join(root, 'dist/apps', app, 'main.js'), '--write-openapi', file], {
    cwd: root,
    timeoutMs: 120_000,
  });
  if (code === 0 && readIfThere(file) !== undefined) return undefined;
  return `${app}: --write-openapi ended with ${signal ?? `exit code ${code}`}:\n${lastLines(output, 15)}`;
}

/** Names the first line that differs, or undefined when the texts are the same. */
export function differenceText(app, committed, generated) {
  if (committed === generated) return undefined;
  if (committed === undefined) return `openapi/${app}.json is missing; write it with: npm run openapi`;
  const [before, now] = [committed.split('\n'), generated.split('\n')];
  const at = now.findIndex((line, index) => line !== before[index]);
  const number = at < 0 ? now.length : at;
  return [
    `openapi/${app}.json does not fit the app any more; look at the change and write it with: npm run openapi`,
    `  line ${number + 1} committed: ${(before[number] ?? '(end)').trim()}`,
    `  line ${number + 1} now:       ${(now[number] ?? '(end)').trim()}`,
  ].join('\n');
}

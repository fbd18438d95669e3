import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DOCUMENTED_APPS } from './openapi.mjs';
import { ROOT } from './paths.mjs';
import { packageBin, run } from './run.mjs';

/** As strict as a careful user's project. */
const COMPILER_OPTIONS = {
  target: 'es2022',
  lib: ['es2022', 'dom', 'dom.iterable'],
  module: 'nodenext',
  moduleResolution: 'nodenext',
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  types: [],
  paths: { '#schema/*': ['./*.schema.ts'] },
};

/** Types from the documents of all apps, and a project in which the committed clients are compiled against them. */
async function generateProject(directory, textOf) {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const app of DOCUMENTED_APPS) {
    const document = join(directory, `${app}.json`);
    writeFileSync(document, textOf(app));
    const { code, output } = await run(process.execPath, [packageBin(ROOT, 'openapi-typescript'), document, '-o', join(directory, `${app}.schema.ts`)], { cwd: ROOT });
    assert.equal(code, 0, output);
  }
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions: COMPILER_OPTIONS, include: [join(ROOT, 'tools/workspace/api-clients/*.ts')] }));
}

const compile = (directory) => run(process.execPath, [packageBin(ROOT, 'typescript', 'tsc'), '-p', join(directory, 'tsconfig.json')], { cwd: ROOT });
const committed = (app) => readFileSync(join(ROOT, 'openapi', `${app}.json`), 'utf8');

test('strict clients that are generated from the documents compile', async () => {
  const directory = join(ROOT, '.cache', 'api-clients');
  await generateProject(directory, committed);
  const { code, output } = await compile(directory);
  assert.equal(output, '');
  assert.equal(code, 0);
});

test('a document that lost a field breaks its client', async () => {
  const directory = join(ROOT, '.cache', 'api-clients-broken');
  await generateProject(directory, (app) => committed(app).replaceAll('"accessToken"', '"access_token"'));
  const { code, output } = await compile(directory);
  assert.match(output, /accessToken/);
  assert.notEqual(code, 0);
});

// The import rules of eslint.config.mjs, seen to fail: each row is a file of the repository with a forbidden line in it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { before, describe, it } from 'node:test';
import { ROOT } from './paths.mjs';

const BOUNDARIES = '@nx/enforce-module-boundaries';
const ROWS = [
  ['an app imports another app', 'apps/aiwm/src/app.ts', "import { vpsBridgeApp } from '../../vps-bridge/src/app';\nexport const x = vpsBridgeApp;", BOUNDARIES],
  ['an app other than the gateway imports the engine', 'apps/aiwm/src/app.ts', "import * as engine from '@agentfleet/engine';\nexport const x = engine;", 'no-restricted-imports'],
  ['an app uses the testing lib outside specs', 'apps/aiwm/src/app.ts', "import { waitFor } from '@agentfleet/testing';\nexport const x = waitFor;", BOUNDARIES],
  ['a core lib imports the shell', 'libs/errors/src/app-error.ts', "import { bootApp } from '@agentfleet/platform';\nexport const x = bootApp;", BOUNDARIES],
  ['a core lib imports a package', 'libs/health/src/index.ts', "import { Redis } from 'ioredis';\nexport const x = Redis;", BOUNDARIES],
  ['contracts import the shell', 'libs/contracts/src/index.ts', "import { bootApp } from '@agentfleet/platform';\nexport const x = bootApp;", BOUNDARIES],
  ['the shell imports the engine', 'libs/platform/src/index.ts', "import * as engine from '@agentfleet/engine';\nexport const x = engine;", BOUNDARIES],
  ['the engine imports Nest', 'libs/engine/src/index.ts', "import { Injectable } from '@nestjs/common';\nexport const x = Injectable;", BOUNDARIES],
  ['core reads the clock', 'libs/resilience/src/index.ts', 'export const x = Date.now();', 'no-restricted-properties'],
  ['core reads the process', 'libs/sessions/src/index.ts', 'export const x = process.pid;', 'no-restricted-globals'],
  ['a controller imports mongoose', 'apps/aiwm/src/agents/agents.controller.ts', "import { Types } from 'mongoose';\nexport const x = Types;", 'no-restricted-imports'],
  ['an app reads the environment outside env.ts', 'apps/aiwm/src/app.ts', "export const x = process.env['X'];", 'no-restricted-properties'],
  ['an app has an interval of its own', 'apps/aiwm/src/app.ts', 'export const x = setInterval(() => undefined, 5);', 'no-restricted-globals'],
  ['an app reads the clock', 'apps/vps-bridge/src/app.ts', 'export const x = Date.now();', 'no-restricted-properties'],
  ['an app reads the clock by a date', 'apps/cluster-agent/src/app.ts', 'export const x = new Date();', 'no-restricted-syntax'],
  ['an app has chance of its own', 'apps/execution-gateway/src/app.ts', 'export const x = Math.random();', 'no-restricted-properties'],
  ['the environment file reads the clock', 'apps/aiwm/src/env.ts', 'export const x = Date.now();', 'no-restricted-properties'],
  ['the engine reads the clock', 'libs/engine/src/index.ts', 'export const x = new Date();', 'no-restricted-syntax'],
  ['a class is injected by @Inject', 'apps/aiwm/src/app.ts', "import { Inject } from '@nestjs/common';\nclass Thing {}\nexport class X {\n  constructor(@Inject(Thing) readonly thing: Thing) {}\n}", 'no-restricted-syntax'],
  ['any', 'apps/aiwm/src/app.ts', 'export const x: any = 1;', '@typescript-eslint/no-explicit-any'],
];

it('Nx knows that apps depend on libs: without that a cached build would miss their changes', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'agentfleet-graph-')), 'graph.json');
  execFileSync(process.execPath, [join(ROOT, 'node_modules/nx/dist/bin/nx.js'), 'graph', `--file=${file}`], {
    cwd: ROOT,
    stdio: 'ignore',
    env: { ...process.env, NX_DAEMON: 'false' },
  });
  const { dependencies } = JSON.parse(readFileSync(file, 'utf8')).graph;
  rmSync(dirname(file), { recursive: true });
  for (const app of ['aiwm', 'vps-bridge', 'cluster-agent', 'execution-gateway']) {
    const targets = dependencies[app].map(({ target }) => target);
    for (const lib of ['platform', 'contracts', 'errors']) assert.ok(targets.includes(lib), `${app} → ${lib}: ${targets}`);
  }
});

describe('import rules', () => {
  let eslint;
  before(async () => {
    // With CI=true the parser takes "a single run" for granted and reads each file from disk, not the text given to it.
    process.env.TSESTREE_SINGLE_RUN = 'false';
    const { ESLint } = await import('eslint');
    eslint = new ESLint({ cwd: ROOT });
  });
  for (const [name, file, code, rule] of ROWS) {
    it(`refuses: ${name}`, async () => {
      const [result] = await eslint.lintText(`${code}\n`, { filePath: join(ROOT, file) });
      assert.ok(result.messages.some((message) => message.ruleId === rule), JSON.stringify(result.messages.map(({ ruleId, message }) => `${ruleId}: ${message}`)));
    });
  }
  it('accepts what is allowed', async () => {
    const code = "import { AppError } from '@agentfleet/errors';\nimport { VERSION } from '@agentfleet/platform';\nexport const x = [AppError, VERSION];\n";
    const [result] = await eslint.lintText(code, { filePath: join(ROOT, 'apps/aiwm/src/app.ts') });
    assert.deepEqual(result.messages, []);
  });
});

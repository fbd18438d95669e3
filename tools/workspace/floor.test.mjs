// Every mechanism once, features without circles: seen to hold in the repository, and seen to fail.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { featureProblems } from './feature-imports.mjs';
import { FLOOR, floorProblems } from './floor-rules.mjs';
import { ROOT } from './paths.mjs';

const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', 'apps', 'libs', 'e2e'], { cwd: ROOT, encoding: 'utf8' }).split('\n').filter((path) => path.endsWith('.ts'));
const FILES = new Map(tracked.filter((path) => existsSync(join(ROOT, path))).map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]));
const APPS = ['aiwm', 'vps-bridge', 'cluster-agent', 'execution-gateway'];

describe('the repository', () => {
  it('has each mechanism once, and a reason beside each cast through unknown', () => assert.deepEqual(floorProblems(FILES), []));

  it('has features, and folders of libraries, without circles; a feature has one module and is used by what that exports', () => assert.deepEqual(featureProblems(FILES), []));

  it('has each mechanism where the list says, with a comment that says what it promises', () => {
    for (const [name, path] of Object.entries(FLOOR)) {
      const text = FILES.get(path) ?? '';
      assert.match(text, new RegExp(`\\*/\\n(?:@\\w+\\(.*\\)\\n)?export (?:async )?(?:class|function|const) ${name}\\b`), `${name} in ${path} needs a comment right above it`);
    }
  });

  it('has the same file names for the same things in every app', () => {
    for (const app of APPS) {
      for (const file of ['main.ts', 'app.ts', 'app.module.ts', 'env.ts', 'error-dialect.ts', 'metrics.ts']) assert.ok(FILES.has(`apps/${app}/src/${file}`), `apps/${app}/src/${file}`);
      assert.ok([...FILES.keys()].some((path) => path.startsWith(`apps/${app}/src/`) && path.endsWith('/health.controller.ts')), `${app} needs a health.controller.ts`);
      const own = [...FILES.keys()].filter((path) => new RegExp(`^apps/${app}/src/[^/]+$`).test(path)).map((path) => path.split('/').at(-1));
      const strangers = own.filter((file) => /spec|fixture/.test(file) && !own.includes(file.replace(/\.(int-)?spec\.ts$/, '.ts')));
      assert.deepEqual(strangers, [], `specs of the whole app belong into apps/${app}/src/app-specs`);
    }
  });

  it('tells of every mechanism in docs/architecture.md', () => {
    const text = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');
    assert.deepEqual(Object.keys(FLOOR).filter((name) => !new RegExp(`\\b${name}\\b`).test(text)), []);
  });
});

describe('a violation', () => {
  const problemsWith = (problems, added) => problems(new Map([...FILES, ...Object.entries(added)])).join('\n');
  const module = (name, providers, exports = '') => `import { Module } from '@nestjs/common';\n@Module({ providers: [${providers}], exports: [${exports}] })\nexport class ${name} {}\n`;

  const ROWS = [
    ['a second class of a mechanism', floorProblems, { 'apps/aiwm/src/probe/x.ts': 'export class GroupCommit {}\n' }, /defines GroupCommit, which libs\/platform\/src\/writing\/group-commit\.ts does for all apps/],
    ['a second function of a mechanism, not exported', floorProblems, { 'libs/engine/src/x.ts': 'function canonicalJson() {}\n' }, /defines canonicalJson/],
    ['a cast without a reason', floorProblems, { 'apps/aiwm/src/probe/x.ts': 'const a = 1;\nexport const x = a as unknown as string;\n' }, /x\.ts:2 casts through unknown/],
    [
      'two features that import each other',
      featureProblems,
      { 'apps/aiwm/src/one/x.ts': "import { y } from '../two/y';\n", 'apps/aiwm/src/two/y.ts': "import type { X } from '../one/x';\n" },
      /in a circle: apps\/aiwm\/src\/one → apps\/aiwm\/src\/two → apps\/aiwm\/src\/one/,
    ],
    [
      'a circle over three features',
      featureProblems,
      { 'apps/aiwm/src/one/x.ts': "import { y } from '../two/y';\n", 'apps/aiwm/src/two/y.ts': "export { z } from '../three/z';\n", 'apps/aiwm/src/three/z.ts': "import '../one/x';\n" },
      /one → apps\/aiwm\/src\/two → apps\/aiwm\/src\/three → apps\/aiwm\/src\/one/,
    ],
    [
      'two folders of a library that import each other',
      featureProblems,
      { 'libs/engine/src/one/x.ts': "import { y } from '../two';\n", 'libs/engine/src/two.ts': "import type { X } from './one/x';\n" },
      /in a circle: libs\/engine\/src\/one → libs\/engine\/src\/two → libs\/engine\/src\/one/,
    ],
    [
      'a provider that its module does not export',
      featureProblems,
      { 'apps/aiwm/src/one/one.module.ts': module('OneModule', 'Hidden, Shown', 'Shown'), 'apps/aiwm/src/two/y.ts': "import { Hidden, Shown } from '../one/x';\n" },
      /imports Hidden, which the module of apps\/aiwm\/src\/one does not export/,
    ],
    ['a feature with two modules', featureProblems, { 'apps/aiwm/src/one/a.module.ts': module('A', ''), 'apps/aiwm/src/one/b.module.ts': module('B', '') }, /has another module already/],
    ['a feature with providers and no module', featureProblems, { 'apps/aiwm/src/one/x.ts': '@Injectable()\nexport class X {}\n' }, /has no module/],
  ];
  for (const [name, problems, added, expected] of ROWS) it(`fails: ${name}`, () => assert.match(problemsWith(problems, added), expected));

  it('is not what is allowed', () => {
    const added = {
      'apps/aiwm/src/one/one.module.ts': module('OneModule', 'Shown', 'Shown'),
      'apps/aiwm/src/two/y.ts': "import { Shown, type Shape } from '../one/x';\nexport const y = a as unknown as Shape; // because it was checked\n",
      'apps/aiwm/src/one/one.spec.ts': "import { y } from '../two/y';\nclass Directory {}\n",
    };
    assert.equal(problemsWith(floorProblems, added) + problemsWith(featureProblems, added), '');
  });
});

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from './paths.mjs';

const pages = ['README.md', 'AGENTS.md', 'libs/sdk/README.md', 'examples/agent/README.md', ...markdownIn('docs')].filter((page) => existsSync(join(ROOT, page)));

function markdownIn(directory) {
  return readdirSync(join(ROOT, directory), { recursive: true }).filter((name) => name.endsWith('.md')).map((name) => join(directory, name));
}

const blocksOf = (text) => [...text.matchAll(/^```(?:sh|bash)\n([\s\S]*?)^```$/gm)].map(([, block]) => block);

/** An interactive zsh takes `#` behind a command for an argument of it. */
test('commands have no comments', () => {
  const found = pages.flatMap((page) =>
    blocksOf(readFileSync(join(ROOT, page), 'utf8')).flatMap((block) => block.split('\n').filter((line) => /^\s*#|^[^'"#]*\S\s+# |\s{2,}# /.test(line)).map((line) => `${page}: ${line}`)),
  );
  assert.deepEqual(found, []);
});

test('links between files lead somewhere', () => {
  const broken = pages.flatMap((page) =>
    [...readFileSync(join(ROOT, page), 'utf8').matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map(([, target]) => target)
      .filter((target) => !existsSync(join(ROOT, dirname(page), target)))
      .map((target) => `${page}: ${target}`),
  );
  assert.deepEqual(broken, []);
});

test('npm run env names the command that the README names', () => {
  const [, command] = /npm run env\n(docker compose .*)\n/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'));
  assert.ok(readFileSync(join(ROOT, 'tools/env.mjs'), 'utf8').includes(`Next:  ${command}\\n`));
});

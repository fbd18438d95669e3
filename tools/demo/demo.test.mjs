import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ROOT } from '../workspace/paths.mjs';
import { run } from '../workspace/run.mjs';

const directory = mkdtempSync(join(tmpdir(), 'agentfleet-demo-test-'));
after(() => rmSync(directory, { recursive: true, force: true }));

test('without a running stack the demo says where it looked, and which variable changes that', async () => {
  const env = { ...process.env, DATA_DIR: directory };
  const { code, output } = await run(process.execPath, [join(ROOT, 'tools/demo.mjs')], { env, timeoutMs: 30_000 });
  assert.equal(code, 1);
  assert.match(output, new RegExp(`There is no running stack: ${directory}/stack.json cannot be read`));
  assert.match(output, /with the same DATA_DIR/);
});

// `npm run demo`: walks through all four apps of a running stack as a client would, and checks every step.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { aiwmWalk } from './demo/aiwm.mjs';
import { bridgeWalk } from './demo/bridge.mjs';
import { clusterWalk } from './demo/cluster.mjs';
import { gatewayWalk } from './demo/gateway.mjs';
import { Demo, DemoFailure } from './demo/steps.mjs';
import { dataDirectory } from './workspace/paths.mjs';

const HELP = `npm run demo: needs a running stack (npm start in another terminal).

It makes an agent and lets it connect, calls through the bridge with a dead primary, registers a cluster over a
WebSocket, runs a session whose client is cut in the middle, checks every step, and removes what it made.

  DATA_DIR   the running stack's directory (.data)`;

if (process.argv.includes('--help')) {
  console.log(HELP);
  process.exit(0);
}

function readStack() {
  const file = join(dataDirectory(process.env), 'stack.json');
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    console.error(`There is no running stack: ${file} cannot be read.\nStart one with "npm start" in another terminal, then run the demo again; with the same DATA_DIR when npm start was given one.`);
    process.exit(1);
  }
}

const stack = readStack();
const demo = new Demo();
let failure;
try {
  const admin = await aiwmWalk(demo, stack);
  await bridgeWalk(demo, stack);
  await clusterWalk(demo, stack, admin);
  await gatewayWalk(demo, stack);
} catch (error) {
  failure = error;
}
await demo.cleanUp();
if (failure) {
  const reason = failure instanceof DemoFailure ? failure.message : `${failure.message}${failure.cause ? ` (${failure.cause.message ?? failure.cause})` : ''}`;
  console.error(`\nThe demo stopped after ${demo.passed} steps that worked.\nFailed: ${demo.current}\n  ${reason}`);
  process.exit(1);
}
console.log(`\nAll ${demo.passed} steps worked. What the demo made was removed again.`);
process.exit(0);

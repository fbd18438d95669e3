// Where the built SDK and the running stack are.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export function stopWith(message) {
  console.error(message);
  process.exit(1);
}

/** The agent of the last time goes on in its terminal until somebody ends it. */
export const takenText = (port) => `port ${port} is taken, probably by the agent of the last time: stop it (kill %1 in its terminal), or set AGENT_PORT to another port`;

export function sdk() {
  const bundle = resolve(ROOT, 'dist/libs/sdk/index.js');
  if (!existsSync(bundle)) stopWith('The SDK is not built yet: run npm start (or npm run build) once');
  return createRequire(import.meta.url)(bundle);
}

/** `stack.json` of the running stack: addresses, the first administrator, keys. */
export function runningStack() {
  const path = resolve(ROOT, process.env.DATA_DIR || '.data', 'stack.json');
  if (!existsSync(path)) stopWith(`There is no ${path}: run npm start and leave it running (DATA_DIR says where its data is)`);
  return JSON.parse(readFileSync(path, 'utf8'));
}

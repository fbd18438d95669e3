/**
 * A MongoDB (one-node replica set) and a Redis for one run of tests. Prints one line of JSON when both are ready:
 * {"mongodb_uri","redis_url","mongod","redis_server"}. Ends both, and deletes their data, when its standard input
 * closes (so also when its parent dies), or on SIGTERM, SIGINT or SIGHUP. What it does meanwhile goes to stderr.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKeeper } from './servers/keeper-client.mjs';
import { startDatabases } from './servers/databases.mjs';
import { createProgress, UserError } from './workspace/progress.mjs';

const progress = createProgress((line) => process.stderr.write(`${line}\n`));
const directory = mkdtempSync(join(tmpdir(), 'agentfleet-test-'));
const keeper = createKeeper();
keeper.removeAtEnd(directory);

let ending;
function end(code) {
  ending ??= keeper.stop().then(() => {
    rmSync(directory, { recursive: true, force: true });
    process.exit(code);
  });
}
void keeper.gone.then(() => end(1));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(0));
process.stdin.on('end', () => end(0)).on('error', () => end(0)).resume();

try {
  const found = await startDatabases({
    directory,
    logs: join(directory, 'logs'),
    variables: process.env,
    progress,
    keeper,
    temporary: true,
  });
  const line = { mongodb_uri: found.mongodbUri, redis_url: found.redisUrl, mongod: found.mongod, redis_server: found.redisServer };
  process.stdout.write(`${JSON.stringify(line)}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof UserError ? error.message : error.stack}\n`);
  end(1);
}

import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensurePrivateFile, readIfThere, writePrivateFile } from '../workspace/files.mjs';
import { freePort, accepts, portProblem } from '../workspace/ports.mjs';
import { UserError } from '../workspace/progress.mjs';
import { commandLine, isAlive, lastLines, waitUntil } from '../workspace/run.mjs';
import { addressProblems, malformedText } from './addresses.mjs';
import { findMongod, findRedisServer } from './find-servers.mjs';
import { APP_USER, becomePrimary, checkMongo, REPLICA_SET } from './replica-set.mjs';

const LEFT_OVER_ENDS_MS = 4000;
const LEFT_OVER_STOP_MS = 15_000;

/**
 * Has MongoDB and Redis running: the servers that MONGODB_URI and REDIS_URL name, else our own with their data under
 * `directory`. Our own ask for credentials: any user of the machine reaches loopback, and whoever writes to MongoDB can
 * make himself an administrator.
 * @param options.credentials `{mongodbKey, mongodbPassword, redisPassword}`; left out in tests: servers without
 * @param options.mayInstall false: no package of the system is installed, whoever runs this
 * @param options.temporary for tests: small caches, no durable Redis, database name left out of the address
 * @returns {Promise<{mongodbUri, redisUrl, mongod?: string, redisServer?: string, servers: object[]}>}
 */
export async function startDatabases({ directory, logs, variables, progress, keeper, credentials, temporary = false, mayInstall = true }) {
  mkdirSync(logs, { recursive: true, mode: 0o700 });
  const context = { directory, logs, progress, keeper, temporary, variables, credentials, mayInstall };
  const [mongo, redis] = await bothOrNone(
    variables.MONGODB_URI ? givenMongo(variables.MONGODB_URI) : ownMongo(context),
    variables.REDIS_URL ? givenRedis(variables.REDIS_URL) : ownRedis(context),
  );
  return {
    mongodbUri: mongo.uri,
    redisUrl: redis.url,
    mongod: mongo.file,
    redisServer: redis.file,
    servers: [mongo.server, redis.server].filter(Boolean),
  };
}

/** Waits for both even when one fails, so that nothing is being started any more when the caller cleans up. */
async function bothOrNone(...work) {
  const results = await Promise.allSettled(work);
  const failed = results.filter((result) => result.status === 'rejected').map((result) => result.reason);
  if (failed.length > 1 && failed.every((error) => error instanceof UserError)) {
    throw new UserError(failed.map((error) => error.message).join('\n\n'));
  }
  if (failed.length > 0) throw failed[0];
  return results.map((result) => result.value);
}

async function givenMongo(uri) {
  await checkMongo(uri);
  return { uri };
}

async function givenRedis(text) {
  if (addressProblems({ REDIS_URL: text }).length > 0) throw new UserError(malformedText('REDIS_URL'));
  const url = new URL(text);
  const port = Number(url.port || 6379);
  if (!(await accepts(port, url.hostname))) {
    throw new UserError(`REDIS_URL: nothing accepts connections at ${url.hostname}:${port}. Start that server, or unset REDIS_URL`);
  }
  return { url: text };
}

async function ownMongo(context) {
  const { file, version } = await findMongod(context.progress, context.variables);
  // MongoDB's data format belongs to its major version.
  const data = join(context.directory, `mongodb-${version.split('.')[0]}`);
  mkdirSync(data, { recursive: true, mode: 0o700 });
  await endLeftOver(data, context.progress);
  const { port, server } = await onSomePort(data, async (candidate) => {
    const args = mongodArguments({ data, port: candidate, ...context });
    const started = { id: 'mongodb', file, args, data, port: candidate, log: join(context.logs, 'mongodb.out.log'), stopMs: 10_000 };
    await startAndWait(context, started, 'mongodb.log', (died) => becomePrimary(candidate, died, context.credentials));
    return started;
  });
  const database = context.temporary ? '' : 'agentfleet';
  const user = context.credentials ? `${APP_USER}:${context.credentials.mongodbPassword}@` : '';
  const source = user ? '&authSource=admin' : '';
  return { uri: `mongodb://${user}127.0.0.1:${port}/${database}?replicaSet=${REPLICA_SET}${source}`, file, server };
}

/** How mongod is started; also when the supervisor starts it again. */
function mongodArguments({ data, port, logs, temporary, credentials }) {
  return [
    ...(credentials ? ['--keyFile', keyFile(data, credentials.mongodbKey)] : []),
    ...['--dbpath', data, '--port', String(port), '--bind_ip', '127.0.0.1', '--nounixsocket', '--replSet', REPLICA_SET],
    ...['--storageEngine', 'wiredTiger', '--wiredTigerCacheSizeGB', temporary ? '0.25' : '1', '--oplogSize', temporary ? '64' : '512'],
    ...['--logpath', join(logs, 'mongodb.log'), '--logappend', '--setParameter', 'diagnosticDataCollectionEnabled=false'],
    // an app that is killed in a transaction would hold its documents for a minute
    ...['--setParameter', 'transactionLifetimeLimitSeconds=10'],
    ...['--pidfilepath', pidFile(data)],
  ];
}

/** The secret of the replica set's members, which also switches access control on. mongod wants it unreadable for others. */
function keyFile(data, key) {
  const file = join(data, 'agentfleet.key');
  writePrivateFile(file, `${key}\n`);
  chmodSync(file, 0o600);
  return file;
}

async function ownRedis(context) {
  const { file } = await findRedisServer(context.progress, context.variables, context.mayInstall);
  const data = join(context.directory, 'redis');
  mkdirSync(data, { recursive: true, mode: 0o700 });
  await endLeftOver(data, context.progress);
  const { port, server } = await onSomePort(data, async (candidate) => {
    const args = redisArguments({ data, port: candidate, ...context });
    ensurePrivateFile(join(context.logs, 'redis.log'));
    const started = { id: 'redis', file, args, data, port: candidate, log: join(context.logs, 'redis.out.log'), stopMs: 4000 };
    await startAndWait(context, started, 'redis.log', async (died) => {
      const ready = await waitUntil(async () => died() !== undefined || (await accepts(candidate)), 20_000);
      if (!ready || died()) throw new UserError(died() ?? 'redis-server did not accept connections within 20 s');
    });
    return started;
  });
  const user = context.credentials ? `:${context.credentials.redisPassword}@` : '';
  return { url: `redis://${user}127.0.0.1:${port}`, file, server };
}

function redisArguments({ data, port, logs, temporary, credentials }) {
  return [
    ...(credentials ? [passwordFile(data, credentials.redisPassword)] : []),
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', data, '--save', '', '--daemonize', 'no'],
    ...['--appendonly', temporary ? 'no' : 'yes', '--logfile', join(logs, 'redis.log'), '--pidfile', pidFile(data)],
  ];
}

/** A configuration file of one line: everybody may read the arguments of a process. */
function passwordFile(data, password) {
  const file = join(data, 'agentfleet.conf');
  writePrivateFile(file, `requirepass ${password}\n`);
  return file;
}

const pidFile = (data) => join(data, 'agentfleet.pid');

/**
 * A server of the last run that still works on this data: it is about to end when the supervisor was killed. When
 * nobody ends it (its keeper was killed too), we do: two servers on one directory would destroy it.
 */
async function endLeftOver(data, progress) {
  const pid = Number(readIfThere(pidFile(data)) ?? NaN);
  const works = () => isAlive(pid) && /mongod|redis-server/.test(commandLine(pid) ?? 'redis-server');
  if (!Number.isInteger(pid) || pid <= 1 || !works()) return;
  await progress.step(`Waiting for the server of the last run (pid ${pid})`, async () => {
    if (await waitUntil(() => !works(), LEFT_OVER_ENDS_MS)) return;
    process.kill(pid, 'SIGTERM');
    if (!(await waitUntil(() => !works(), LEFT_OVER_STOP_MS))) {
      throw new UserError(`a server of the last run (pid ${pid}) still uses ${data} and does not end; end it and start again`);
    }
  });
}

async function startAndWait({ keeper, logs }, server, logName, ready) {
  let exit;
  const stopListening = keeper.onExitOf(server.id, (how) => (exit = how));
  const died = () => exit && deathText(server, exit, join(logs, logName));
  try {
    await keeper.start(server);
    await ready(died);
  } catch (error) {
    throw died() ? new UserError(died()) : error;
  } finally {
    stopListening();
  }
}

function deathText(server, { code, signal }, log) {
  const how = signal ? `was ended by ${signal}` : `ended with exit code ${code}`;
  return `${server.file} ${how}. The end of ${log}:\n${tail(log) || tail(server.log) || '  (empty)'}`;
}

function tail(file) {
  try {
    return lastLines(readFileSync(file, 'utf8'), 5)
      .split('\n')
      .map((line) => `  ${line.slice(0, 400)}`)
      .join('\n');
  } catch {
    return '';
  }
}

/** A port that was free a moment ago may be somebody's when the server binds it: then another one, three times at most. */
async function onSomePort(data, start) {
  const file = join(data, 'agentfleet.port');
  for (let attempt = 1; ; attempt++) {
    const port = await keptPort(file);
    try {
      return { port, server: await start(port) };
    } catch (error) {
      if (attempt === 3 || !/exit code 48\b|address (already )?in use/i.test(error.message)) throw error;
      rmSync(file, { force: true });
    }
  }
}

/** The port of the last time when it is still free, else a new one; remembered beside the data. */
async function keptPort(file) {
  const kept = readPort(file);
  const port = kept && !(await portProblem(kept, '127.0.0.1')) ? kept : await freePort();
  writeFileSync(file, `${port}\n`);
  return port;
}

function readPort(file) {
  const port = Number(readIfThere(file) ?? NaN);
  return Number.isInteger(port) && port > 0 && port < 65536 ? port : undefined;
}

import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { ROOT } from '../workspace/paths.mjs';
import { createProgress } from '../workspace/progress.mjs';
import { waitUntil } from '../workspace/run.mjs';
import { markLog, restartDelayMs, superviseApp } from './app-process.mjs';
import { APPS, planProcesses, processEnvironment } from './apps.mjs';
import { workingPassword } from './administrator.mjs';
import { flagsEatenByNpm, parseArguments } from './arguments.mjs';
import { requireFreePorts, variablesText } from './checks.mjs';
import { knownVariables, misspelledNotes } from './known-variables.mjs';
import { lockDataDirectory } from './lock.mjs';
import { comeback } from './readiness.mjs';
import { passwordNotice, readyReport } from './report.mjs';
import { databaseCredentials, openSecrets } from './secrets.mjs';
import { stackDocument, writeStackFile } from './stack-file.mjs';

const directory = mkdtempSync(join(tmpdir(), 'agentfleet-stack-test-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const SECRETS = { SECRETS_KEY: 's', JWT_PRIVATE_KEY: 'j', AIWM_ADMIN_EMAIL: 'a@b', AIWM_ADMIN_PASSWORD: 'p', GATEWAY_API_KEY: 'g', BRIDGE_API_KEY: 'b' };

test('reads its flags and refuses others', () => {
  assert.deepEqual(parseArguments(['--replicas', 'aiwm=2,execution-gateway=3', '--reset-admin-password']), {
    help: false, check: false, resetAdminPassword: true, noInstall: false, replicas: { aiwm: 2, 'execution-gateway': 3 },
  });
  assert.deepEqual(parseArguments(['--replicas=vps-bridge=2']).replicas, { 'vps-bridge': 2 });
  for (const [args, text] of [
    [['--wrong'], /does not know --wrong/],
    [['--replicas'], /wants apps and numbers/],
    [['--replicas', 'nobody=2'], /no app "nobody"/],
    [['--replicas', 'aiwm=0'], /from 1 to 16/],
    [['--replicas', 'aiwm=2=3'], /from 1 to 16/],
    [['--replicas', 'aiwm'], /from 1 to 16/],
  ]) assert.throws(() => parseArguments(args), text);
});

test('names flags that npm took for itself', () => {
  assert.equal(flagsEatenByNpm({ npm_config_cache: '/c', npm_lifecycle_event: 'start' }), undefined);
  assert.match(flagsEatenByNpm({ npm_config_replicas: 'aiwm=3' }), /npm start -- --replicas aiwm=3$/);
  assert.match(flagsEatenByNpm({ npm_config_replicas: 'true' }), /npm start -- --replicas aiwm=2$/);
  assert.match(flagsEatenByNpm({ npm_config_reset_admin_password: 'true' }), /npm start -- --reset-admin-password$/);
  assert.match(flagsEatenByNpm({ npm_config_install: '' }), /npm start -- --no-install$/);
});

test('gives further replicas the next ports that are not taken', () => {
  const plan = planProcesses({ UA_GATEWAY_PORT: '9000' }, { aiwm: 3 });
  assert.deepEqual(plan.map(({ id, port }) => [id, port]), [
    ['aiwm', 3305], ['aiwm-2', 3307], ['aiwm-3', 3308], ['vps-bridge', 18789], ['cluster-agent', 3306], ['execution-gateway', 9000],
  ]);
  assert.throws(() => planProcesses({ AIWM_PORT: '8002' }, {}), /UA_GATEWAY_PORT and AIWM_PORT are both 8002/);
  for (const bad of ['0', '65536', 'x', '-1', '1.5']) assert.throws(() => planProcesses({ AIWM_PORT: bad }, {}), /AIWM_PORT must be a port/);
});

test('hands each app its variables and only its own secrets', () => {
  const variables = { HOST: '0.0.0.0', CORS_ORIGINS: '', VPS_ALLOW_LOOPBACK: 'false', ANYTHING: 'else' };
  const plan = planProcesses(variables, { aiwm: 2 });
  const of = (id) => processEnvironment(plan.find((entry) => entry.id === id), plan, { variables, mongodbUri: 'm', redisUrl: 'r', dataDirectory: '/d', secrets: SECRETS });
  const bridge = of('vps-bridge');
  assert.equal(bridge.ANYTHING, 'else');
  assert.equal(bridge.VPS_ALLOW_LOOPBACK, 'false');
  assert.equal(bridge.CORS_ORIGINS, 'http://127.0.0.1:3305,http://localhost:3305');
  assert.equal(bridge.CLUSTER_PUBLIC_URL, 'http://127.0.0.1:3306');
  assert.deepEqual([bridge.BRIDGE_API_KEY, bridge.GATEWAY_API_KEY, bridge.JWT_PRIVATE_KEY, bridge.SECRETS_KEY], ['b', undefined, undefined, 's']);
  assert.deepEqual([of('aiwm-2').AIWM_PORT, of('aiwm-2').INTERNAL_URL, of('aiwm-2').JWT_PRIVATE_KEY], ['3307', 'http://127.0.0.1:3307', 'j']);
});

test('keeps generated secrets for their owner only, and takes given ones', () => {
  const file = join(directory, 'secrets.json');
  const first = openSecrets(file, { BRIDGE_API_KEY: 'given-by-somebody' });
  assert.match(first.values.SECRETS_KEY, /^k1:[A-Za-z0-9+/]{43}=$/);
  assert.match(first.values.GATEWAY_API_KEY, /^afk_[A-Za-z0-9_-]{43}$/);
  assert.equal(createPrivateKey(first.values.JWT_PRIVATE_KEY).asymmetricKeyDetails.namedCurve, 'prime256v1');
  assert.equal(first.values.BRIDGE_API_KEY, 'given-by-somebody');
  assert.equal(first.values.AIWM_ADMIN_EMAIL, 'admin@localhost');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(readFileSync(file, 'utf8').includes('given-by-somebody'), false);
  first.save({ cluster_token: 'afk_x' });
  const again = openSecrets(file, {});
  assert.equal(again.values.SECRETS_KEY, first.values.SECRETS_KEY);
  assert.equal(again.kept.cluster_token, 'afk_x');
  assert.deepEqual(databaseCredentials(again), databaseCredentials(first));
  assert.deepEqual(Object.values(databaseCredentials(again)).map((secret) => /^[\w-]{32,}$/.test(secret)), [true, true, true]);
});

test('does not replace secrets that it cannot read', () => {
  const file = join(directory, 'damaged.json');
  writeFileSync(file, '{"SECRETS_KEY":');
  assert.throws(() => openSecrets(file, {}), /damaged/);
  assert.equal(readFileSync(file, 'utf8'), '{"SECRETS_KEY":');
});

function documentOf(replicas) {
  const plan = planProcesses({}, replicas);
  const pids = new Map(plan.map(({ id }, index) => [id, 100 + index]));
  return stackDocument({ plan, pids, mongodbUri: 'mongodb://m', redisUrl: 'redis://r', secrets: SECRETS, clusterToken: 'afk_c' });
}

test('writes stack.json with the agreed keys, private and in one piece', () => {
  const document = documentOf({});
  assert.deepEqual(document, {
    urls: { aiwm: 'http://127.0.0.1:3305', vps_bridge: 'http://127.0.0.1:18789', cluster_agent: 'http://127.0.0.1:3306', execution_gateway: 'http://127.0.0.1:8002', dashboard: 'http://127.0.0.1:3305/' },
    pids: { aiwm: 100, vps_bridge: 101, cluster_agent: 102, execution_gateway: 103 },
    mongodb_uri: 'mongodb://m', redis_url: 'redis://r',
    admin: { email: 'a@b', password: 'p' }, api_keys: { gateway: 'g', bridge: 'b' }, cluster_token: 'afk_c',
  });
  const file = join(directory, 'stack.json');
  writeStackFile(file, document);
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), document);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(documentOf({ 'execution-gateway': 2 }).replicas, {
    execution_gateway: [{ url: 'http://127.0.0.1:8002', pid: 103 }, { url: 'http://127.0.0.1:8003', pid: 104 }],
  });
});

test('shows the password only when it is new', () => {
  const facts = { plan: planProcesses({}, {}), health: new Map(APPS.map(({ name }) => [name, 'ready'])), document: documentOf({}), stackFile: '/d/stack.json', secretsFile: '/d/secrets.json', logs: '/d/logs', servers: [['MongoDB', 'm']] };
  const text = (showPassword) => readyReport({ ...facts, showPassword }).join('\n');
  assert.match(text('first'), /password: {6}p {3}\(shown this once/);
  assert.match(text('reset'), /new from now on/);
  assert.match(text('kept'), /password: AIWM_ADMIN_PASSWORD in \/d\/secrets\.json/);
  assert.match(text('kept'), /^aiwm +http:\/\/127\.0\.0\.1:3305 +ready$/m);
});

test('says nothing of a password that does not work', () => {
  const used = { which: 'used', reset: false, shown: true };
  assert.deepEqual(
    [
      passwordNotice({ ...used, generated: false }),
      passwordNotice({ ...used, generated: false, which: 'kept' }),
      passwordNotice({ ...used, generated: false, which: 'unknown' }),
      passwordNotice({ ...used, generated: true }),
      passwordNotice({ ...used, generated: true, shown: undefined }),
      passwordNotice({ ...used, generated: true, reset: true }),
      passwordNotice({ ...used, generated: true, which: 'unknown' }),
    ],
    ['given', 'ignored', 'unknown', 'kept', 'first', 'reset', 'changed'],
  );
  const facts = { plan: planProcesses({}, {}), health: new Map(), document: { ...documentOf({}), admin: { email: 'a@b', password: null } }, stackFile: '/d/stack.json', secretsFile: '/d/secrets.json', logs: '/d/logs', servers: [['MongoDB', 'm']] };
  for (const showPassword of ['unknown', 'changed']) {
    const text = readyReport({ ...facts, showPassword }).join('\n');
    assert.match(text, /--reset-admin-password/);
    assert.doesNotMatch(text, /null|auth\/login/);
  }
});

test('tries out which password the administrator has', async () => {
  const server = createHttpServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { password } = JSON.parse(body);
    const right = password === 'right';
    response.writeHead(right ? 200 : password === 'locked' ? 429 : 401).end(JSON.stringify(right ? { accessToken: 't' } : {}));
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const url = `http://127.0.0.1:${server.address().port}`;
  const ask = (used, kept) => workingPassword(url, { values: { AIWM_ADMIN_EMAIL: 'a@b', AIWM_ADMIN_PASSWORD: used }, kept: { AIWM_ADMIN_PASSWORD: kept } });
  assert.deepEqual(await ask('right', 'right'), { password: 'right', which: 'used', accessToken: 't', status: 200 });
  assert.deepEqual(await ask('wrong', 'right'), { password: 'right', which: 'kept', accessToken: 't', status: 200 });
  assert.deepEqual(await ask('wrong', 'wrong'), { which: 'unknown', status: 401 });
  assert.deepEqual(await ask('locked', 'right'), { password: 'right', which: 'kept', accessToken: 't', status: 200 });
  assert.deepEqual(await ask('locked', 'wrong'), { which: 'unknown', status: 429 });
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  assert.deepEqual(await ask('any', 'any'), { which: 'unknown', status: 0 });
});

test('names a port in use and the variable that changes it', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address();
  const plan = planProcesses({ CLUSTER_AGENT_PORT: String(port) }, {}).filter(({ name }) => name === 'cluster-agent');
  const check = () => requireFreePorts(plan, '127.0.0.1', { leftOver: false, progress: createProgress(() => undefined) });
  await assert.rejects(check(), new RegExp(`Port ${port} of cluster-agent is in use; .*CLUSTER_AGENT_PORT=`));
  await new Promise((done) => server.close(done));
  await check();
});

test('what several apps say of a variable is said once', () => {
  const said = (app, ...lines) => ({ name: app, how: 'exit code 1', output: [`${app} cannot start: a variable is not valid.`, ...lines.map((line) => `  ${line}`), ''].join('\n') });
  assert.equal(
    variablesText([said('aiwm', 'CORS_ORIGINS must be x', 'AIWM_PORT must be y'), said('vps-bridge', 'CORS_ORIGINS must be x'), { name: 'cluster-agent', how: 'SIGKILL', output: '' }]),
    'Variables that do not work:\n  CORS_ORIGINS must be x  (aiwm, vps-bridge)\n  AIWM_PORT must be y  (aiwm)\ncluster-agent:\n  it said nothing (SIGKILL)',
  );
});

const KNOWN = knownVariables(ROOT);

test('finds the variables of all apps in their sources', () => {
  for (const name of ['AIWM_PORT', 'VPS_BRIDGE_PORT', 'CLUSTER_AGENT_PORT', 'UA_GATEWAY_PORT', 'MONGODB_URI', 'CORS_ORIGINS', 'VPS_ALLOW_LOOPBACK', 'MODEL_PROVIDER', 'SECRETS_KEY', 'AIWM_ADMIN_PASSWORD']) {
    assert.ok(KNOWN.includes(name), name);
  }
  const set = Object.fromEntries([...KNOWN, 'PATH', 'HOME', 'npm_config_cache', 'AGENT_PORT', 'AIWM_ENV_FILE', 'AIWM_ENABLED', 'MODEL_TIMEOUT_MS', 'XDG_CONFIG_HOME'].map((name) => [name, 'x']));
  assert.deepEqual(misspelledNotes(set, KNOWN), []);
  assert.deepEqual(knownVariables(directory.concat('/nowhere')), ['XDG_CACHE_HOME']);
});

test('tells of misspelled variables before anything is built as the apps do afterwards', async () => {
  const { default: typescript } = await import('typescript');
  const source = readFileSync(join(ROOT, 'libs/platform/src/env/define-env.ts'), 'utf8');
  const file = join(directory, 'define-env.mjs');
  writeFileSync(file, typescript.transpileModule(source, { compilerOptions: { module: 'esnext', target: 'es2022' } }).outputText);
  const { defineEnv } = await import(pathToFileURL(file));
  const known = ['AIWM_PORT', 'CORS_ORIGINS', 'MONGODB_URI'];
  const app = defineEnv(Object.fromEntries(known.map((name) => [name, { parse: () => undefined }])));
  for (const name of ['AIWM_PROT', 'AIWM_POR', 'AIWM_PORTS', 'aiwm_port', 'AIWM_PXRT', 'IAWM_PORT', 'CORS_ORIGIN', 'MONGOD_URI', 'MONGO_URI', 'AIWM_HOST', 'AIWM_PROTS', 'AIWM_PORT', 'PORT', 'AIWM_PTOR', 'XAIWM_PORT']) {
    const told = app.misspelled({ [name]: 'x' }).map((note) => `${note.name} ${note.problem}`);
    assert.deepEqual(misspelledNotes({ [name]: 'x' }, known), told, name);
  }
  assert.deepEqual(misspelledNotes({ AIWM_PROT: '1' }, KNOWN), ['AIWM_PROT is no variable and is ignored; did you mean AIWM_PORT?']);
});

test('one stack for one data directory', () => {
  const place = mkdtempSync(join(directory, 'lock-'));
  writeFileSync(join(place, 'start.pid'), '999999999\n');
  const lock = lockDataDirectory(place);
  assert.equal(lock.leftOver, true);
  lock.release();
  assert.equal(lockDataDirectory(place).leftOver, false);
});

test('starts a dead app again at once, then after 1 s, doubling to 10 s', () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 50].map(restartDelayMs), [0, 1000, 2000, 4000, 8000, 10_000, 10_000]);
});

test('starts a dead app again, with a new pid, and stops it for good', async () => {
  const log = join(directory, 'logs', 'app.log');
  const pids = [];
  const restarts = [];
  const messages = [];
  const app = superviseApp(
    { id: 'app', file: process.execPath, args: ['-e', 'console.log("up"); process.on("disconnect", () => process.exit()); setInterval(() => 0, 1000)'], env: () => process.env, log },
    { spawned: (pid, isRestart) => restarts.push(isRestart) && pids.push(pid), died: (text) => messages.push(`died ${text}`), restarting: (text) => messages.push(text) },
  );
  const mark = markLog(log);
  app.start();
  app.ready();
  assert.ok(await waitUntil(() => mark.lastLines(5).includes('up'), 10_000));
  process.kill(pids[0], 'SIGKILL');
  assert.ok(await waitUntil(() => pids.length === 2, 10_000));
  assert.deepEqual(restarts, [false, true]);
  assert.match(messages[0], /^app was ended by SIGKILL; starting it again at once/);
  await app.stop(5000);
  assert.equal(app.isRunning(), false);
  assert.equal(messages.length, 1);
});

test('tells when an app that was started again is ready', async () => {
  let status = 503;
  const server = createHttpServer((_request, response) => response.writeHead(status).end('{"status":"x"}')).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const entry = { id: 'aiwm-2', url: `http://127.0.0.1:${server.address().port}` };
  const isOver = () => false;
  assert.equal(await comeback(entry, 7, { timeoutMs: 150, isOver }), 'aiwm-2 was started again, but is not ready after 0 s (x)');
  const back = comeback(entry, 7, { timeoutMs: 20_000, isOver });
  status = 200;
  assert.equal(await back, 'aiwm-2 is ready again (pid 7)');
  assert.equal(await comeback(entry, 7, { timeoutMs: 20_000, isOver: () => true }), undefined);
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

test('reports an app that dies while it starts', async () => {
  const log = join(directory, 'logs', 'dead.log');
  const mark = markLog(log);
  const died = await new Promise((done) => {
    superviseApp(
      { id: 'dead', file: process.execPath, args: ['-e', 'console.error("boom"); process.exit(7)'], env: () => process.env, log },
      { spawned: () => undefined, died: done, restarting: done },
    ).start();
  });
  assert.equal(died, 'ended with exit code 7');
  assert.equal(mark.lastLines(5), '  boom');
});

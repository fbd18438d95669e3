import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import mongoose from 'mongoose';
import { interleaved, spread } from './measure.mjs';
import { inspect } from './inspect.mjs';
import { cpuMicros, freePort } from './processes.mjs';

const STORM = 5000;
const WARM_UP = 1000;
const RETURNING = 9500;
const FLOODING = 64;
const IDLE = 5000;
/** Each takes long: the whole fleet registers, is left alone, and comes back. */
const MOST_RETURNS = 3;
const SOCKET_PATH = '/api/v1/clusters/agent/ws';
const DATABASE = 'bench_cluster';
const DEFAULT_ORGANIZATION = '000000000000000000000001';

/** Registrations, heartbeats, memory and the return of a fleet, beside Nest's own socket adapter and a plain `ws` server that store nothing. */
export async function clusterRows({ processes, rounds, seconds, report }) {
  const bench = await startBench(processes);
  const product = await bench.startProduct();
  const stock = await bench.startStock();
  await stormRows(bench, { product, stock, rounds, report });
  await floodRows(bench, { product, stock, rounds, seconds, report });
  await Promise.all([product, stock].map(({ pid }) => end(pid)));
  await memoryRow(bench, report);
  await returnRows(bench, { rounds: Math.min(rounds, MOST_RETURNS), report });
}

/** Servers, a key, the fleet of agents in a process of its own, and how each side is started. */
export async function startBench(processes) {
  const servers = JSON.parse((await processes.script('tools/test-servers.mjs')).line);
  const { env, key } = await makeKey(servers);
  const bare = async (dialect, args) => {
    const { pid, line } = await processes.script('tools/bench/bare-sockets.mjs', args);
    return { pid, to: { dialect, port: Number(line), path: '/agents', headers: {} } };
  };
  return {
    fleet: await startFleet(processes),
    async startProduct(more = {}) {
      const { pid, url } = await processes.app('cluster-agent', 'CLUSTER_AGENT_PORT', { ...env, ...more });
      return { pid, to: { dialect: 'product', port: Number(new URL(url).port), path: SOCKET_PATH, headers: { Authorization: `Bearer ${key}` } } };
    },
    startStock: () => bare('stock', []),
    startRaw: () => bare('raw', ['--raw']),
  };
}

export async function stormRows({ fleet }, { product, stock, rounds, report }) {
  report.section(`Cluster sockets: ${rounds} pairs of storms of ${STORM} agents that connect and register at once`);
  for (const side of [product, stock]) await storm(fleet, side, WARM_UP);
  const storms = await interleaved(rounds, () => storm(fleet, product, STORM), () => storm(fleet, stock, STORM));
  report.row({
    id: 'cluster.registration_cpu',
    name: "storm: CPU of the app per registration / Nest's adapter, storing nothing",
    value: spread(storms, ({ product: ours, baseline }) => ours.cpuMicros / baseline.cpuMicros),
    atMost: 2,
  });
  report.note({ id: 'cluster.registration_cpu_us', name: '… CPU of the app per registration, microseconds', value: spread(storms, ({ product: ours }) => ours.cpuMicros), digits: 0 });
  report.row({
    id: 'cluster.storm',
    name: "storm: time until all are registered / Nest's adapter, storing nothing",
    value: spread(storms, ({ product: ours, baseline }) => ours.seconds / baseline.seconds),
    atMost: 3,
  });
  report.note({ id: 'cluster.storm_s', name: '… time until all are registered, seconds', value: spread(storms, ({ product: ours }) => ours.seconds), digits: 2 });
}

export async function floodRows({ fleet }, { product, stock, rounds, seconds, report }) {
  report.section(`Cluster sockets: ${rounds} pairs of ${seconds} s of heartbeats over ${FLOODING} sockets`);
  const floods = await interleaved(rounds, () => flood(fleet, product, seconds), () => flood(fleet, stock, seconds));
  report.row({
    id: 'cluster.acks_per_core',
    name: "heartbeats acknowledged per second of CPU / Nest's adapter, storing nothing",
    value: spread(floods, ({ product: ours, baseline }) => ours.perCoreSecond / baseline.perCoreSecond),
    atLeast: 0.8,
  });
  report.note({ id: 'cluster.acks', name: '… heartbeats acknowledged per second of CPU', value: spread(floods, ({ product: ours }) => ours.perCoreSecond), digits: 0 });
}

/** What the heap and the buffers grow by when sockets are there, over what they were after as many had been there and gone. */
export async function memoryRow({ fleet, startProduct }, report) {
  const port = await freePort();
  const app = await startProduct({ NODE_OPTIONS: `--inspect=127.0.0.1:${port}` });
  await storm(fleet, app, IDLE);
  const inspector = await inspect(port);
  const empty = await inspector.memory();
  await fleet('storm', { to: app.to, count: IDLE, prefix: 'idle' });
  await quiet(app.pid);
  const samples = [];
  for (let sample = 0; sample < 3; sample++) samples.push(await inspector.memory());
  inspector.close();
  await fleet('close');
  await end(app.pid);
  const kib = (figure) => spread(samples, (sample) => (sample[figure] - empty[figure]) / IDLE / 1024);
  report.section(`Cluster sockets: ${IDLE} idle ones, bound`);
  report.row({ id: 'cluster.socket_kib', name: 'memory per idle bound socket after garbage collection, KiB', value: kib('inUse'), digits: 1, atMost: 25 });
  report.note({ id: 'cluster.socket_rss_kib', name: '… growth of the resident memory, KiB', value: kib('resident'), digits: 1 });
}

export async function returnRows({ fleet, startProduct, startRaw }, { rounds, report }) {
  report.section(`Cluster sockets: ${rounds} returns of ${RETURNING} agents, with the back-off of existing ones`);
  let awayMs = 0;
  const productAgain = async () => {
    const back = await comeBack(fleet, startProduct, 0);
    ({ awayMs } = back);
    return back;
  };
  const returns = await interleaved(rounds, productAgain, () => comeBack(fleet, startRaw, awayMs));
  report.row({
    id: 'cluster.return',
    name: 'all are back after kill -9 / a plain ws server that is away as long',
    value: spread(returns, ({ product: ours, baseline: raw }) => ours.seconds / raw.seconds),
    atMost: 1.3,
  });
  report.note({ id: 'cluster.return_s', name: '… time from the kill until all are back, seconds', value: spread(returns, ({ product: ours }) => ours.seconds), digits: 1 });
}

/** A key that may register, as AIWM would have made it, and the environment of the app. */
async function makeKey(servers) {
  const mongodb = new URL(servers.mongodb_uri);
  mongodb.pathname = `/${DATABASE}`;
  const key = `afk_${randomBytes(32).toString('base64url')}`;
  const client = await mongoose.mongo.MongoClient.connect(mongodb.toString());
  await client.db(DATABASE).collection('api_keys').insertOne({
    orgId: DEFAULT_ORGANIZATION,
    name: 'bench',
    hash: createHash('sha256').update(key).digest('hex'),
    prefix: key.slice(0, 12),
    previousHash: null,
    previousValidUntil: null,
    scopes: ['cluster:register'],
    limits: {},
    expiresAt: null,
    revokedAt: null,
    createdAt: new Date(),
  });
  await client.close();
  const env = {
    MONGODB_URI: mongodb.toString(),
    REDIS_URL: servers.redis_url,
    SECRETS_KEY: `bench:${randomBytes(32).toString('base64')}`,
    CLUSTER_RATE_LIMIT: '10000000',
  };
  return { env, key };
}

/** The process of the agents, and how it is told what to do. */
async function startFleet(processes) {
  const { line } = await processes.script('tools/bench/fleet.mjs');
  return async (order, details = {}) => {
    const answer = await fetch(`http://127.0.0.1:${line}/${order}`, { method: 'POST', body: JSON.stringify(details) });
    if (!answer.ok) throw new Error(`${order}: ${await answer.text()}`);
    return answer.json();
  };
}

let storms = 0;
async function storm(fleet, { pid, to }, count) {
  const before = cpuMicros(pid);
  const { seconds } = await fleet('storm', { to, count, prefix: `storm-${++storms}-${process.pid}` });
  const cpu = cpuMicros(pid) - before;
  await fleet('close');
  await quiet(pid);
  return { seconds, cpuMicros: cpu / count };
}

async function flood(fleet, { pid, to }, seconds) {
  await fleet('storm', { to, count: FLOODING, prefix: 'flood' });
  await fleet('flood', { seconds: Math.min(1, seconds / 3) });
  const before = cpuMicros(pid);
  const { acknowledged } = await fleet('flood', { seconds });
  const cpu = cpuMicros(pid) - before;
  await fleet('close');
  await quiet(pid);
  return { perCoreSecond: (acknowledged * 1e6) / cpu };
}

/** The fleet is connected, its server dies and comes again. @param awayMs the agents find nobody for at least so long */
async function comeBack(fleet, start, awayMs) {
  const first = await start();
  await fleet('storm', { to: first.to, count: RETURNING, prefix: 'returning' });
  await quiet(first.pid);
  const back = fleet('comeBack');
  const killedAt = performance.now();
  process.kill(first.pid, 'SIGKILL');
  const second = await start();
  await sleep(Math.max(0, awayMs - (performance.now() - killedAt)));
  await fleet('moved', { to: second.to });
  const result = { awayMs: performance.now() - killedAt, ...(await back) };
  await fleet('close');
  await quiet(second.pid);
  await end(second.pid);
  return result;
}

/** Waits until a process has nothing to do any more: what a storm leaves to be written must not be counted with the next one. */
async function quiet(pid) {
  for (let before = cpuMicros(pid); ; ) {
    await sleep(300);
    const now = cpuMicros(pid);
    if (now - before < 30_000) return;
    before = now;
  }
}

async function end(pid) {
  process.kill(pid, 'SIGTERM');
  for (;;) {
    await sleep(100);
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
  }
}

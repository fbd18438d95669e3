import { randomBytes } from 'node:crypto';
import mongoose from 'mongoose';
import { Pool } from 'undici';
import { interleaved, load, note, row, show, spread } from './measure.mjs';

const WARM_UP_SECONDS = 5;
const KEY = `bench-${randomBytes(12).toString('hex')}`;

async function post(pool, path, body, headers = {}) {
  const answer = await pool.request({ method: 'POST', path, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
  const text = await answer.body.text();
  if (answer.statusCode >= 300) throw new Error(`${path}: ${answer.statusCode} ${text.slice(0, 300)}`);
  const result = text === '' ? {} : JSON.parse(text);
  if (result.success === false) throw new Error(`${path}: ${text.slice(0, 500)}`);
  return result;
}

/** DESIGN section 10, the bridge: calls with and without storage at 1 and 32 callers, and a failed hop. */
export async function bridgeRows(processes, { rounds, seconds }) {
  const servers = JSON.parse((await processes.script('tools/test-servers.mjs')).line);
  const agent = (await processes.script('tools/bench/agent.mjs')).line;
  const failing = (await processes.script('tools/bench/agent.mjs', ['--failing'])).line;
  const agentUrl = `http://127.0.0.1:${agent}`;
  const bare = await processes.script('tools/bench/bare-nest.mjs', [agentUrl]);
  const storing = await processes.script('tools/bench/bare-nest.mjs', [agentUrl], { BENCH_MONGODB_URI: servers.mongodb_uri });
  const mongodb = new URL(servers.mongodb_uri);
  mongodb.pathname = '/bench_bridge';
  const bridge = await processes.app('vps-bridge', 'VPS_BRIDGE_PORT', {
    MONGODB_URI: mongodb.toString(),
    REDIS_URL: servers.redis_url,
    BRIDGE_API_KEY: KEY,
    SECRETS_KEY: `bench:${randomBytes(32).toString('base64')}`,
    VPS_ALLOW_LOOPBACK: 'true',
    VPS_BACKOFF_BASE_MS: '0',
    VPS_CIRCUIT_FAILURES: '1000000', // a failed hop is measured while the circuit is closed; with 3 calls would soon skip the agent
    LOG_LEVEL: 'error',
  });
  const pools = {
    bridge: new Pool(bridge.url, { connections: 64 }),
    bare: new Pool(`http://127.0.0.1:${bare.line}`, { connections: 64 }),
    storing: new Pool(`http://127.0.0.1:${storing.line}`, { connections: 64 }),
  };
  const headers = { 'x-api-key': KEY };
  const register = (body) => post(pools.bridge, '/api/vps/register', { host: '127.0.0.1', max_retries: 1, ...body }, headers);
  await register({ name: 'fast', port: Number(agent) });
  await register({ name: 'failing', port: Number(failing), fallback_agents: ['fast'] });

  const throughBridge = (more = {}) => (caller) =>
    post(pools.bridge, '/api/vps/call', { agent_name: 'fast', prompt: 'Plan a 3-phase project', ...more, ...(more.session ? { session_id: `s-${caller}` } : {}) }, headers);
  const throughBare = (pool) => (caller) => post(pool, '/call', { agent_name: 'fast', prompt: 'Plan a 3-phase project', session_id: `s-${caller}` });
  const measure = (one, callers, pid) => () => load(one, { callers, seconds, pid });

  // V8 needs some thousand calls before it runs compiled code, which one caller would not bring about in a short measurement
  for (const [one, { pid }] of [[throughBridge({ session: true }), bridge], [throughBare(pools.bare), bare], [throughBare(pools.storing), storing]]) {
    await load(one, { callers: 32, seconds: WARM_UP_SECONDS, pid });
  }

  console.log(`\nBridge: ${rounds} pairs of ${seconds} s each; figures are median (minimum–maximum) over the pairs\n`);

  const plain = await interleaved(rounds, measure(throughBridge(), 1, bridge.pid), measure(throughBare(pools.bare), 1, bare.pid));
  const cpuRatio = spread(plain, ({ product, baseline }) => product.cpuMicrosPerCall / baseline.cpuMicrosPerCall);
  row('no session, 1 caller: CPU per call / bare Nest', show(cpuRatio), '≤ 1.5', cpuRatio.median <= 1.5);

  const beside = await interleaved(rounds, measure(throughBridge(), 1, bridge.pid), measure(throughBare(pools.storing), 1, storing.pid));
  const besideRatio = spread(beside, ({ product, baseline }) => product.cpuMicrosPerCall / baseline.cpuMicrosPerCall);
  note('the same / bare Nest + one insert (health is durable here)', show(besideRatio));

  const insertMs = await insertLatency(servers.mongodb_uri, seconds);
  const durable = await interleaved(rounds, measure(throughBridge({ session: true }), 1, bridge.pid), () => insertLatency(servers.mongodb_uri, seconds));
  const overBar = spread(durable, ({ product, baseline }) => product.p50Ms / (1.3 * baseline + 0.5));
  row(`durable, 1 caller: p50 / (1.3 × insert + 0.5 ms), insert ${insertMs.toFixed(2)} ms`, show(overBar), '≤ 1', overBar.median <= 1);

  const many = await interleaved(rounds, measure(throughBridge({ session: true }), 32, bridge.pid), measure(throughBare(pools.storing), 32, storing.pid));
  const throughput = spread(many, ({ product, baseline }) => product.perSecond / baseline.perSecond);
  row('durable, 32 callers: calls/s / (bare Nest + insert)', show(throughput), '≥ 1.2', throughput.median >= 1.2);
  const cpu = spread(many, ({ product }) => product.cpuMicrosPerCall);
  row('durable, 32 callers: CPU per call, µs', show(cpu, 0), '≤ 450', cpu.median <= 450);

  const hop = await interleaved(rounds, measure(throughBridge({ agent_name: 'failing' }), 1, bridge.pid), measure(throughBridge(), 1, bridge.pid));
  const hopMs = spread(hop, ({ product, baseline }) => product.p50Ms - baseline.p50Ms);
  row('failed hop after a 500, no back-off: added p50, ms', show(hopMs), '≤ 0.5', hopMs.median <= 0.5);

  console.log('\nAbsolute figures of this machine:');
  const absolute = (name, pairs, side) => {
    const values = ['perSecond', 'p50Ms', 'p99Ms', 'cpuMicrosPerCall'].map((key) => spread(pairs, (pair) => pair[side][key]));
    console.log(`  ${name.padEnd(40)} ${show(values[0], 0)} calls/s, p50 ${show(values[1])} ms, p99 ${show(values[2])} ms, ${show(values[3], 0)} µs CPU`);
  };
  absolute('bridge, no session, 1 caller', plain, 'product');
  absolute('bare Nest proxy, 1 caller', plain, 'baseline');
  absolute('bridge, durable, 1 caller', durable, 'product');
  absolute('bridge, durable, 32 callers', many, 'product');
  absolute('bare Nest + insert, 32 callers', many, 'baseline');
  await Promise.all(Object.values(pools).map((pool) => pool.close()));
}

/** Median latency of one journaled insert of two messages with majority, one after the other, in milliseconds. */
async function insertLatency(uri, seconds) {
  const client = await mongoose.mongo.MongoClient.connect(uri);
  const messages = client.db('bench_insert').collection('messages', { writeConcern: { w: 'majority', journal: true } });
  const latencies = [];
  const endsAt = performance.now() + seconds * 1000;
  while (performance.now() < endsAt) {
    const startedAt = performance.now();
    await messages.insertMany([{ role: 'user', content: 'Plan a 3-phase project' }, { role: 'assistant', content: 'Here is your plan.' }]);
    latencies.push(performance.now() - startedAt);
  }
  await client.close();
  return latencies.sort((a, b) => a - b)[Math.floor(latencies.length / 2)];
}

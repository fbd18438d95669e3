import { randomBytes } from 'node:crypto';
import mongoose from 'mongoose';
import { Pool } from 'undici';
import { interleaved, load, single, spread } from './measure.mjs';
import { freePort } from './processes.mjs';

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

/** The bridge: calls with and without a session at 1 and 32 callers, and what a failed hop adds. */
export async function bridgeRows({ processes, report, rounds, seconds }) {
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
  await register({ name: 'refusing', port: await freePort(), fallback_agents: ['fast'] });

  const throughBridge = (more = {}) => (caller) =>
    post(pools.bridge, '/api/vps/call', { agent_name: 'fast', prompt: 'Plan a 3-phase project', ...more, ...(more.session ? { session_id: `s-${caller}` } : {}) }, headers);
  const throughBare = (pool) => (caller) => post(pool, '/call', { agent_name: 'fast', prompt: 'Plan a 3-phase project', session_id: `s-${caller}` });
  const measure = (one, callers, pid) => () => load(one, { callers, seconds, pid });

  // V8 needs some thousand calls before it runs compiled code, which one caller would not bring about in a short measurement
  for (const [one, { pid }] of [[throughBridge({ session: true }), bridge], [throughBare(pools.bare), bare], [throughBare(pools.storing), storing]]) {
    await load(one, { callers: 32, seconds: WARM_UP_SECONDS, pid });
  }

  report.section('VPS bridge');
  const plain = await interleaved(rounds, measure(throughBridge(), 1, bridge.pid), measure(throughBare(pools.bare), 1, bare.pid));
  const cpuOf = ({ product, baseline }) => product.cpuMicrosPerCall / baseline.cpuMicrosPerCall;
  report.row({ id: 'bridge.plain_cpu', name: 'no session, 1 caller: CPU per call ÷ bare Nest', value: spread(plain, cpuOf), atMost: 1.5 });

  const beside = await interleaved(rounds, measure(throughBridge(), 1, bridge.pid), measure(throughBare(pools.storing), 1, storing.pid));
  report.note({ id: 'bridge.plain_cpu_beside_insert', name: 'no session, 1 caller: CPU per call ÷ (bare Nest + one insert)', value: spread(beside, cpuOf) });

  const durable = await interleaved(rounds, measure(throughBridge({ session: true }), 1, bridge.pid), measure(throughBare(pools.storing), 1, storing.pid));
  report.row({ id: 'bridge.durable_p50', name: 'session, 1 caller: p50 ÷ (bare Nest + insert)', value: spread(durable, ({ product, baseline }) => product.p50Ms / baseline.p50Ms), atMost: 1.2 });
  report.note({ id: 'bridge.insert_ms', name: 'one insert of two messages, p50, ms', value: single(await insertLatency(servers.mongodb_uri, seconds)) });

  const many = await interleaved(rounds, measure(throughBridge({ session: true }), 32, bridge.pid), measure(throughBare(pools.storing), 32, storing.pid));
  report.row({ id: 'bridge.durable_rate', name: 'session, 32 callers: calls/s ÷ (bare Nest + insert)', value: spread(many, ({ product, baseline }) => product.perSecond / baseline.perSecond), atLeast: 1.2 });
  report.row({ id: 'bridge.durable_cpu', name: 'session, 32 callers: CPU per call ÷ (bare Nest + insert)', value: spread(many, cpuOf), atMost: 0.85 });
  const unstored = await interleaved(rounds, measure(throughBridge({ session: true }), 32, bridge.pid), measure(throughBare(pools.bare), 32, bare.pid));
  report.row({ id: 'bridge.durable_rate_unstored', name: 'session, 32 callers: calls/s ÷ bare Nest that stores nothing', value: spread(unstored, ({ product, baseline }) => product.perSecond / baseline.perSecond), atLeast: 0.35 });
  report.note({ id: 'bridge.durable_cpu_us', name: 'session, 32 callers: CPU per call, µs', value: spread(many, ({ product }) => product.cpuMicrosPerCall), digits: 0 });

  for (const [id, agent_name, name] of [['bridge.hop_500', 'failing', 'after a 500'], ['bridge.hop_refused', 'refusing', 'after a refused connection']]) {
    const hop = await interleaved(rounds, measure(throughBridge({ agent_name }), 1, bridge.pid), measure(throughBridge(), 1, bridge.pid));
    report.row({ id, name: `failed hop ${name}, no back-off: added p50, ms`, value: spread(hop, ({ product, baseline }) => product.p50Ms - baseline.p50Ms), atMost: 0.4 });
  }
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

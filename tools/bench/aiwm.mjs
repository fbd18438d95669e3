import { createHmac, generateKeyPairSync, hkdfSync, randomBytes } from 'node:crypto';
import mongoose from 'mongoose';
import { Pool } from 'undici';
import { interleaved, load, single, spread } from './measure.mjs';

const ADMIN = { username: 'admin@localhost', password: 'bench-admin-password' };
const AGENTS = 200;
/** Agents that come back at once after a restart. */
const FLEET = 5000;

async function post(pool, path, body, headers = {}) {
  const answer = await pool.request({ method: 'POST', path, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
  const text = await answer.body.text();
  if (answer.statusCode >= 300) throw new Error(`${path}: ${answer.statusCode} ${text.slice(0, 300)}`);
  return JSON.parse(text);
}

/** Connects with known secrets, heartbeats beside a bare Nest route with the same write, and a fleet that comes back. */
export async function aiwmRows({ processes, report, rounds, seconds }) {
  const servers = JSON.parse((await processes.script('tools/test-servers.mjs')).line);
  const mongodb = new URL(servers.mongodb_uri);
  mongodb.pathname = '/bench_aiwm';
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const env = {
    MONGODB_URI: mongodb.toString(),
    REDIS_URL: servers.redis_url,
    SECRETS_KEY: `bench:${randomBytes(32).toString('base64')}`,
    JWT_PRIVATE_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    AIWM_ADMIN_PASSWORD: ADMIN.password,
  };
  const aiwm = await processes.app('aiwm', 'AIWM_PORT', env);
  const bare = await processes.script('tools/bench/bare-aiwm.mjs', [], { BENCH_MONGODB_URI: servers.mongodb_uri });
  const pools = { aiwm: new Pool(aiwm.url, { connections: 64 }), bare: new Pool(`http://127.0.0.1:${bare.line}`, { connections: 64 }) };
  const agents = await makeAgents(pools.aiwm);
  const measure = (one, callers, pid) => () => load(one, { callers, seconds, pid });

  report.section(`AIWM, ${AGENTS} agents`);
  let next = 0;
  const pick = () => agents[next++ % agents.length];
  const connectTo = (pool) => () => {
    const { id, secret } = pick();
    return post(pool, `/agents/${id}/connect`, { secret });
  };
  const connects = await interleaved(rounds, measure(connectTo(pools.aiwm), 32, aiwm.pid), measure(connectTo(pools.bare), 32, bare.pid));
  const rateOf = ({ product, baseline }) => product.perSecond / baseline.perSecond;
  const cpuOf = ({ product, baseline }) => product.cpuMicrosPerCall / baseline.cpuMicrosPerCall;
  report.row({ id: 'aiwm.connect_rate', name: 'connect, secret known, 32 callers: per second ÷ bare read and write', value: spread(connects, rateOf), atLeast: 1 });
  report.note({ id: 'aiwm.connect_cpu', name: 'the same: CPU each ÷ bare read and write', value: spread(connects, cpuOf) });
  report.note({ id: 'aiwm.connects_per_s', name: 'the same: connects per second', value: spread(connects, ({ product }) => product.perSecond), digits: 0 });

  const beat = () => {
    const { id, token } = pick();
    return post(pools.aiwm, `/agents/${id}/heartbeat`, { status: 'online', metrics: { cpu: 1 } }, { authorization: `Bearer ${token}` });
  };
  const bareBeat = () => post(pools.bare, `/agents/${pick().id}/heartbeat`, { status: 'online', metrics: { cpu: 1 } });
  const beats = await interleaved(rounds, measure(beat, 32, aiwm.pid), measure(bareBeat, 32, bare.pid));
  report.row({ id: 'aiwm.heartbeat_rate', name: 'heartbeats, 32 callers: per second ÷ bare Nest with the same write', value: spread(beats, rateOf), atLeast: 1 });
  report.row({ id: 'aiwm.heartbeat_cpu', name: 'heartbeats, 32 callers: CPU each ÷ bare Nest with the same write', value: spread(beats, cpuOf), atMost: 1 });

  report.row({ id: 'aiwm.probe_p99_ms', name: 'live probe p99 while bcrypt works, ms', value: single(await lagWhileHashing(pools.aiwm, agents, aiwm.url)), digits: 1, atMost: 50 });
  await Promise.all(Object.values(pools).map((pool) => pool.close()));
  const back = await comeBack(processes, env, await makeKnownFleet(env, agents[0]));
  report.row({ id: 'aiwm.fleet_back_s', name: `${FLEET} known agents reconnect after a restart, seconds`, value: single(back), digits: 1, atMost: FLEET / 500 });
}

async function makeAgents(pool) {
  const { accessToken } = await post(pool, '/auth/login', ADMIN);
  const headers = { authorization: `Bearer ${accessToken}` };
  const make = async (_, index) => {
    const { _id: id } = await post(pool, '/agents', { name: `bench ${index}` }, headers);
    const { secret } = await post(pool, `/agents/${id}/credentials/regenerate`, {}, headers);
    const { token } = await post(pool, `/agents/${id}/connect`, { secret });
    return { id, secret, token };
  };
  return Promise.all(Array.from({ length: AGENTS }, make));
}

/** The 99th percentile of a trivial request while every core that may hash does so. */
async function lagWhileHashing(pool, agents, url) {
  const probes = [];
  let hashing = true;
  const wrong = agents.slice(0, 40).map(({ id }, index) =>
    post(pool, `/agents/${id}/connect`, { secret: `wrong secret number ${index}` }).catch(() => undefined),
  );
  void Promise.all(wrong).then(() => (hashing = false));
  while (hashing) {
    const startedAt = performance.now();
    await fetch(`${url}/health/live`).then((answer) => answer.text());
    probes.push(performance.now() - startedAt);
  }
  return probes.sort((a, b) => a - b)[Math.floor(probes.length * 0.99)] ?? 0;
}

/**
 * A fleet that has connected before: copies of one agent, each with the mark that a successful check leaves. Making them
 * through the API would cost one bcrypt check each, minutes of CPU.
 */
async function makeKnownFleet(env, model) {
  const client = await mongoose.mongo.MongoClient.connect(env.MONGODB_URI);
  const db = client.db('bench_aiwm');
  const _id = new mongoose.Types.ObjectId(model.id);
  const [agent, presence] = await Promise.all([db.collection('agents').findOne({ _id }), db.collection('agent_presence').findOne({ _id })]);
  const [keyId, material] = env.SECRETS_KEY.split(':');
  const key = Buffer.from(hkdfSync('sha256', Buffer.from(material, 'base64'), Buffer.alloc(0), 'agentfleet/agent-secrets', 32));
  const ids = Array.from({ length: FLEET }, () => new mongoose.Types.ObjectId());
  await db.collection('agents').insertMany(ids.map((id) => ({ ...agent, _id: id })));
  const mark = (id) => `${keyId}:${createHmac('sha256', key).update(JSON.stringify([id.toHexString(), model.secret, agent.credential.hash])).digest('hex')}`;
  await db.collection('agent_presence').insertMany(ids.map((id) => ({ ...presence, _id: id, remembered: [mark(id)] })));
  await client.close();
  return ids.map((id) => ({ id: id.toHexString(), secret: model.secret }));
}

/** A fresh process, an empty cache in it: the whole fleet connects at once. */
async function comeBack(processes, env, agents) {
  const again = await processes.app('aiwm', 'AIWM_PORT', env);
  const pool = new Pool(again.url, { connections: 64 });
  const startedAt = performance.now();
  await Promise.all(agents.map(({ id, secret }) => post(pool, `/agents/${id}/connect`, { secret })));
  const seconds = (performance.now() - startedAt) / 1000;
  await pool.close();
  return seconds;
}

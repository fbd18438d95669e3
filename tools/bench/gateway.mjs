import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { interleaved, spread } from './measure.mjs';
import { cpuMicros } from './processes.mjs';

const KEY = 'bench-gateway-key';
/** A session is a short conversation: of longer ones the model is sent more, and that is the model's time. */
const RUNS_PER_SESSION = 5;
const TEXTS = 100;
const WARM_UP_RUNS = 400;

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** A connection that starts runs, one at a time; a bare one sends what it is given as it is. */
class Runs {
  #socket;
  #frames = 0;
  #startedAt = 0;
  #firstMs;
  #done = () => undefined;

  static async open(url, headers = {}) {
    const runs = new Runs();
    runs.#socket = new WebSocket(url, { headers, perMessageDeflate: false });
    runs.#socket.on('message', (data) => runs.#take(String(data)));
    await once(runs.#socket, 'open');
    return runs;
  }

  /** @returns {Promise<{firstMs: number, frames: number}>} when its last event is here */
  run(message) {
    this.#frames = 0;
    this.#firstMs = undefined;
    this.#startedAt = performance.now();
    return new Promise((resolve) => {
      this.#done = () => resolve({ firstMs: this.#firstMs, frames: this.#frames });
      this.#socket.send(message);
    });
  }

  close() {
    this.#socket.close();
  }

  #take(frame) {
    this.#frames++;
    this.#firstMs ??= performance.now() - this.#startedAt;
    if (frame.startsWith('{"type":"error"')) throw new Error(frame);
    if (frame.startsWith('{"type":"query_complete"')) this.#done();
  }
}

async function openOn(app) {
  const answer = await fetch(`${app.url}/sessions`, { method: 'POST', headers: { 'x-api-key': KEY, 'content-type': 'application/json' }, body: '{}' });
  if (!answer.ok) throw new Error(`no session: ${answer.status} ${await answer.text()}`);
  const { session_id: id } = await answer.json();
  return Runs.open(`${app.url.replace('http', 'ws')}/sessions/${id}/execute`, { 'x-api-key': KEY });
}

const execute = (input) => JSON.stringify({ action: 'execute', user_input: input });
const closing = async (connections, work) => {
  try {
    return await work(connections);
  } finally {
    for (const one of connections) one.close();
  }
};

/** Conversations side by side, until they took so long; only the runs are measured, not what opens them. */
async function conversations(open, pid, { callers, message, perConnection, seconds }) {
  let cpu = 0;
  let elapsed = 0;
  const ended = [];
  while (elapsed < seconds * 1000) {
    await closing(await Promise.all(Array.from({ length: callers }, open)), async (connections) => {
      const cpuBefore = cpuMicros(pid);
      const startedAt = performance.now();
      await Promise.all(connections.map(async (one) => {
        for (let n = 0; n < perConnection; n++) ended.push(await one.run(message));
      }));
      elapsed += performance.now() - startedAt;
      cpu += cpuMicros(pid) - cpuBefore;
    });
  }
  const frames = ended.reduce((sum, run) => sum + run.frames, 0);
  return { cpuMillisPerRun: cpu / 1000 / ended.length, cpuMicrosPerEvent: cpu / frames, firstMs: median(ended.map(({ firstMs }) => firstMs)), perSecond: (ended.length / elapsed) * 1000 };
}

/** Short runs, runs with many texts beside bare sockets, and the time to the first event. */
export async function gatewayRows({ processes, rounds, seconds, report }) {
  const directory = mkdtempSync(join(tmpdir(), 'agentfleet-bench-gateway-'));
  try {
    const servers = JSON.parse((await processes.script('tools/test-servers.mjs')).line);
    const model = await processes.script('tools/bench/scripted-model.mjs');
    const bare = await processes.script('tools/bench/bare-ws.mjs');
    const app = async (name, more = {}) => {
      const mongodb = new URL(servers.mongodb_uri);
      mongodb.pathname = `/bench_${name}`;
      const own = { MONGODB_URI: mongodb.toString(), REDIS_URL: servers.redis_url, DATA_DIR: join(directory, name), SECRETS_KEY: `bench:${randomBytes(32).toString('base64')}` };
      const modelEnv = { MODEL_BASE_URL: `http://127.0.0.1:${model.line}/v1`, MODEL_NAME: 'bench' };
      return processes.app('execution-gateway', 'UA_GATEWAY_PORT', { ...own, ...modelEnv, GATEWAY_API_KEY: KEY, GATEWAY_RATE_LIMIT_PER_SECOND: '0', ...more });
    };
    const gateway = await app('gateway');
    const streaming = await app('gateway_texts', { GATEWAY_TEXT_COALESCE_MS: '0' });
    const short = (callers) => conversations(() => openOn(gateway), gateway.pid, { callers, message: execute('short'), perConnection: RUNS_PER_SESSION, seconds });
    const texts = () => conversations(() => openOn(streaming), streaming.pid, { callers: 8, message: execute(`texts ${TEXTS}`), perConnection: RUNS_PER_SESSION, seconds });
    const bareTexts = () => conversations(() => Runs.open(`ws://127.0.0.1:${bare.line}`), bare.pid, { callers: 8, message: String(TEXTS + 4), perConnection: 40, seconds });

    report.section('Execution gateway: the scripted model and the clients in processes of their own');
    await warmUp(gateway, 'short', WARM_UP_RUNS);
    const shorts = [];
    for (let round = 0; round < rounds; round++) shorts.push({ eight: await short(8), one: await short(1) });
    report.row({ id: 'gateway.short_run_cpu', name: 'short run (8 events), 8 callers: CPU ms per run', value: spread(shorts, ({ eight }) => eight.cpuMillisPerRun), digits: 1, atMost: 15 });
    report.note({ id: 'gateway.short_run_cpu_alone', name: '  … 1 caller: CPU ms per run', value: spread(shorts, ({ one }) => one.cpuMillisPerRun), digits: 1 });
    report.note({ id: 'gateway.short_runs', name: '  … 8 callers: runs/s', value: spread(shorts, ({ eight }) => eight.perSecond), digits: 0 });
    report.row({ id: 'gateway.first_event_alone', name: 'first event, one run at a time: p50 ms', value: spread(shorts, ({ one }) => one.firstMs), digits: 1, atMost: 10 });

    const atOnce = await closing(await Promise.all(Array.from({ length: 32 }, () => openOn(gateway))), async (connections) => {
      const found = [];
      for (let round = 0; round < rounds; round++) {
        found.push(median((await Promise.all(connections.map((one) => one.run(execute('short'))))).map(({ firstMs }) => firstMs)));
      }
      return found;
    });
    report.row({ id: 'gateway.first_event_32', name: 'first event, 32 runs at once: p50 ms', value: spread(atOnce, (ms) => ms), digits: 0, atMost: 80 });

    await warmUp(streaming, `texts ${TEXTS}`, WARM_UP_RUNS / 4);
    const pairs = await interleaved(rounds, texts, bareTexts);
    report.row({ id: 'gateway.text_event_cpu', name: 'run of 100 texts, 8 callers: CPU per event / raw ws', value: spread(pairs, ({ product, baseline }) => product.cpuMicrosPerEvent / baseline.cpuMicrosPerEvent), digits: 1, atMost: 10 });
    report.note({ id: 'gateway.text_event_micros', name: '  … CPU µs per event', value: spread(pairs, ({ product }) => product.cpuMicrosPerEvent), digits: 0 });
  } finally {
    await processes.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What runs first is compiled late: the first hundreds cost twice as much as all later ones. */
async function warmUp(app, input, runs) {
  for (let done = 0; done < runs; done += 8 * RUNS_PER_SESSION) {
    await closing(await Promise.all(Array.from({ length: 8 }, () => openOn(app))), (connections) =>
      Promise.all(connections.map(async (one) => {
        for (let n = 0; n < RUNS_PER_SESSION; n++) await one.run(execute(input));
      })),
    );
  }
}

// Agents of clusters in a process of their own, so that their CPU is not counted with the server's. Told what to do over HTTP:
// each request is one order, its answer comes when it is done.
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { FleetAgent } from './fleet-agent.mjs';

/** Connections under way at once; more would overflow the server's queue of those not accepted yet, and wait a second. */
const OPENING_AT_ONCE = 400;
const FLOODING_SOCKETS = 64;
const UNANSWERED_EACH = 8;
/** How existing agents come back: after half a second, then twice as long each time. */
const BACK_OFF = { firstMs: 500, maxMs: 30_000 };

const registration = (name) => ({
  agent_id: name,
  name,
  k8s_version: 'v1.31.2',
  hostname: `${name}.internal`,
  agent_version: '2.4.0',
  server_ip: '10.20.30.40',
  region: 'eu-central-1',
  cloud_provider: 'aws',
  server_specs: { cpu_cores: 16, memory_gb: 64, disk_gb: 500, os: 'linux' },
  labels: { team: 'platform', environment: 'production', 'app.kubernetes.io/managed-by': 'agentfleet' },
  features: { supports_streaming: true, supports_response_streaming: true, commands: true },
});
const report = (clusterId) => ({
  cluster_id: clusterId,
  status: 'available',
  tunnel_status: 'healthy',
  metadata: { k8s_nodes: 12, k8s_pods: 340, cpu_usage: 41.5, memory_usage: 63.2, agent_version: '2.4.0', k8s_version: 'v1.31.2' },
});

let asked = 0;
/** `stock` is the dialect of Nest's own adapter, which dispatches on `event` and hands on `data`. */
function message(dialect, type, payload) {
  const rest = { request_id: `q${++asked}`, payload, timestamp: new Date().toISOString() };
  return JSON.stringify(dialect === 'stock' ? { event: type, data: rest } : { type, ...rest });
}

/** The agents that are connected now, by their name. */
const fleet = new Map();
let target;
/** Set while the fleet comes back by itself. */
let lost = () => undefined;

async function begin(name) {
  const agent = new FleetAgent(target, () => lost(name, agent));
  fleet.set(name, agent);
  await agent.opened;
  const answer = JSON.parse(await agent.ask(message(target.dialect, 'register', registration(name))));
  if (answer.type !== 'register_success') throw new Error(`register was answered ${JSON.stringify(answer)}`);
  agent.clusterId = answer.payload.cluster_id;
}

async function pooled(names, work) {
  const waiting = [...names];
  const loop = async () => {
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) await work(name);
  };
  await Promise.all(Array.from({ length: Math.min(OPENING_AT_ONCE, waiting.length) }, loop));
}

const orders = {
  /** All at once: connect, register. @returns seconds until the last one has its answer */
  async storm({ to, count, prefix }) {
    target = to;
    const startedAt = performance.now();
    await pooled(Array.from({ length: count }, (_, index) => `${prefix}-${index}`), begin);
    return { seconds: (performance.now() - startedAt) / 1000 };
  },

  /** Heartbeats from a few sockets, as fast as they are acknowledged. @returns how many were */
  async flood({ seconds }) {
    const endsAt = performance.now() + seconds * 1000;
    let acknowledged = 0;
    const loop = async (agent) => {
      while (performance.now() < endsAt) {
        await agent.ask(message(target.dialect, 'heartbeat', report(agent.clusterId)));
        acknowledged++;
      }
    };
    const flooding = [...fleet.values()].slice(0, FLOODING_SOCKETS);
    await Promise.all(flooding.flatMap((agent) => Array.from({ length: UNANSWERED_EACH }, () => loop(agent))));
    return { acknowledged };
  },

  /** From now on every agent that loses its socket comes back to the newest address, with back-off, and heartbeats until it is known again. */
  async comeBack() {
    const total = fleet.size;
    let back = 0;
    const startedAt = performance.now();
    const seconds = new Promise((resolve) => {
      lost = (name, { clusterId }) => {
        const again = async (waitMs) => {
          await sleep(waitMs);
          const agent = new FleetAgent(target, () => void (ended = true) || retry());
          let ended = false;
          let isBack = false;
          const retry = () => {
            if (!isBack) void again(Math.min(BACK_OFF.maxMs, waitMs * 2));
          };
          await agent.opened;
          await agent.ask(message(target.dialect, 'heartbeat', report(clusterId)));
          if (ended) return;
          isBack = true;
          agent.clusterId = clusterId;
          fleet.set(name, agent);
          if (++back === total) resolve((performance.now() - startedAt) / 1000);
        };
        void again(BACK_OFF.firstMs);
      };
    });
    return { seconds: await seconds };
  },

  /** The server has another address now. */
  async moved({ to }) {
    target = to;
  },

  async close() {
    lost = () => undefined;
    const ended = [...fleet.values()].map(({ socket }) => new Promise((resolve) => socket.once('close', resolve).destroy()));
    fleet.clear();
    await Promise.all(ended);
  },
};

const server = createServer((request, response) => {
  let text = '';
  request.setEncoding('utf8').on('data', (part) => (text += part));
  request.on('end', () => {
    orders[request.url.slice(1)](JSON.parse(text)).then(
      (result) => response.end(JSON.stringify(result ?? {})),
      (error) => response.writeHead(500).end(String(error.stack)),
    );
  });
});
server.requestTimeout = 0;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();

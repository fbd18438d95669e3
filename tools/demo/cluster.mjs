import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { call, check, checkEqual, until } from './steps.mjs';

/** The agent of a private cluster: one outbound socket. */
function openSocket(url, token) {
  const socket = new WebSocket(url, { headers: { Authorization: `Bearer ${token}` } });
  const frames = [];
  socket.on('message', (data) => frames.push(JSON.parse(data.toString())));
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve({ socket, frames }));
    socket.once('error', reject);
  });
}

/** A cluster registers over its socket, sends heartbeats and is shown as online. */
export async function clusterWalk(demo, stack, admin) {
  const base = stack.urls.cluster_agent;
  const agentId = `demo-${Date.now().toString(36)}`;
  demo.chapter(`Cluster agent controller, ${base}: sockets of private clusters`);

  let connection;
  let clusterId;
  const ask = async (type, payload) => {
    const requestId = randomUUID();
    connection.socket.send(JSON.stringify({ type, request_id: requestId, payload, timestamp: new Date().toISOString() }));
    return until(`the answer to ${type}`, () => connection.frames.find((frame) => frame.request_id === requestId));
  };

  await demo.step('open the socket with the cluster token', async () => {
    connection = await openSocket(`${base.replace('http', 'ws')}/api/v1/clusters/agent/ws`, stack.cluster_token);
    demo.onEnd('close the cluster socket', () => connection.socket.close(1000));
  });

  await demo.step('register the cluster', async () => {
    const reply = await ask('register', { agent_id: agentId, name: agentId, k8s_version: 'v1.31.0', labels: { env: 'demo' } });
    checkEqual([reply.type, reply.payload.status], ['register_success', 'registered'], 'the reply');
    clusterId = reply.payload.cluster_id;
    demo.onEnd(`delete cluster ${clusterId}`, () => call(`${base}/api/v1/clusters/${clusterId}`, { method: 'DELETE', headers: admin, expect: 204 }));
    return `cluster ${clusterId} (its tunnel_url answers 404 as yet: requests through the socket are not there)`;
  });

  await demo.step('send a heartbeat and a ping', async () => {
    const ack = await ask('heartbeat', { cluster_id: clusterId, status: 'available', metadata: { k8s_nodes: 3 } });
    const pong = await ask('ping', {});
    checkEqual([ack.type, pong.type], ['heartbeat_ack', 'pong'], 'the replies');
    return `acknowledged at ${ack.payload.received_at}`;
  });

  await demo.step('the controller shows the cluster as online', async () => {
    const shown = await until('the reported status', async () => {
      const cluster = await call(`${base}/api/v1/clusters/${clusterId}`, { headers: admin });
      return cluster.reported?.status === 'available' ? cluster : undefined;
    });
    checkEqual([shown.presence.state, shown.transport, shown.labels], ['online', 'websocket', { env: 'demo' }], 'presence, transport and labels');
    return `${shown.presence.state} since ${shown.presence.since} (${shown.presence.reason})`;
  });

  await demo.step('a malformed message gets one error and the socket stays open', async () => {
    connection.frames.length = 0;
    connection.socket.send('{');
    const error = await until('the error', () => connection.frames.find((frame) => frame.type === 'error'));
    const pong = await ask('ping', {});
    check(pong.type === 'pong', 'a pong afterwards', pong);
    return error.payload.error;
  });
}

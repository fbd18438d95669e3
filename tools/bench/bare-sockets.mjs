// The baselines of the cluster sockets, storing nothing. Without arguments: Nest with its own adapter and one handler per message.
// `--raw`: a plain `ws` server.
import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { WebSocketServer } from 'ws';

const PATH = '/agents';

function registered({ request_id, payload }) {
  const id = randomUUID();
  const url = `http://127.0.0.1/${id}/proxy`;
  const now = new Date().toISOString();
  const facts = { cluster_id: id, cluster_uuid: id, name: payload.name, status: 'registered', tunnel_url: url, api_server: url, registered_at: now };
  return { type: 'register_success', request_id, payload: { ...facts, workspace_id: 1, heartbeat_interval_seconds: 30, epoch: 1 }, timestamp: now };
}
function acknowledged({ request_id }) {
  const now = new Date().toISOString();
  return { type: 'heartbeat_ack', request_id, payload: { received_at: now }, timestamp: now };
}

async function startStock() {
  class Agents {
    register(message) {
      return registered(message);
    }
    heartbeat(message) {
      return acknowledged(message);
    }
  }
  for (const type of ['register', 'heartbeat']) {
    MessageBody()(Agents.prototype, type, 0);
    SubscribeMessage(type)(Agents.prototype, type, Object.getOwnPropertyDescriptor(Agents.prototype, type));
  }
  WebSocketGateway({ path: PATH, perMessageDeflate: false })(Agents);
  class Bare {}
  Module({ providers: [Agents] })(Bare);
  const app = await NestFactory.create(Bare, new FastifyAdapter(), { logger: ['error'] });
  app.useWebSocketAdapter(new WsAdapter(app));
  await app.listen(0, '127.0.0.1');
  return app.getHttpServer().address().port;
}

async function startRaw() {
  const server = createServer();
  const sockets = new WebSocketServer({ server, path: PATH, perMessageDeflate: false });
  sockets.on('connection', (socket) => {
    socket.on('message', (data) => {
      const message = JSON.parse(data.toString());
      socket.send(JSON.stringify(message.type === 'register' ? registered(message) : acknowledged(message)));
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server.address().port;
}

console.log(await (process.argv.includes('--raw') ? startRaw() : startStock()));
process.stdin.on('end', () => process.exit(0)).resume();

// The baselines of AIWM: Nest on Fastify with one route that writes a heartbeat, one acknowledged update per call, and one for a
// connect that reads the agent and writes its presence; no secret is checked and no token is made.
import 'reflect-metadata';
import { Body, Controller, HttpCode, Module, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import mongoose from 'mongoose';

const { MongoClient, ObjectId } = mongoose.mongo;
const client = await MongoClient.connect(process.env.BENCH_MONGODB_URI);
const presence = client.db('bench_bare_aiwm').collection('presence', { writeConcern: { w: 'majority', journal: true } });
const agents = client.db('bench_aiwm').collection('agents');

class Agents {
  async beat(id, body) {
    const change = { lastHeartbeatAt: new Date(), status: body.status, metrics: JSON.stringify(body.metrics) };
    await presence.updateOne({ _id: id }, { $set: change }, { upsert: true });
    return { success: true };
  }

  async connect(id) {
    const agent = await agents.findOne({ _id: new ObjectId(id) });
    await presence.updateOne({ _id: id }, { $set: { lastConnectedAt: new Date() }, $inc: { connectionCount: 1 } }, { upsert: true });
    return { id, name: agent.name };
  }
}
function route(name, path, parameters) {
  parameters.forEach((decorate, index) => decorate(Agents.prototype, name, index));
  const descriptor = Object.getOwnPropertyDescriptor(Agents.prototype, name);
  Post(path)(Agents.prototype, name, descriptor);
  HttpCode(200)(Agents.prototype, name, descriptor);
}
route('beat', ':id/heartbeat', [Param('id'), Body()]);
route('connect', ':id/connect', [Param('id')]);
Controller('agents')(Agents);
class Bare {}
Module({ controllers: [Agents] })(Bare);

const app = await NestFactory.create(Bare, new FastifyAdapter(), { logger: ['error'] });
await app.listen(0, '127.0.0.1');
console.log(app.getHttpServer().address().port);
process.stdin.on('end', () => process.exit(0)).resume();

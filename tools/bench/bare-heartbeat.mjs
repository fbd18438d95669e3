// The baseline of heartbeats: Nest on Fastify with one route that writes the heartbeat, one acknowledged update per call.
import 'reflect-metadata';
import { Body, Controller, HttpCode, Module, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import mongoose from 'mongoose';

const { MongoClient } = mongoose.mongo;
const options = { writeConcern: { w: 'majority', journal: true } };
const presence = (await MongoClient.connect(process.env.BENCH_MONGODB_URI)).db('bench_bare_heartbeat').collection('presence', options);

class Heartbeats {
  async beat(id, body) {
    const change = { lastHeartbeatAt: new Date(), status: body.status, metrics: JSON.stringify(body.metrics) };
    await presence.updateOne({ _id: id }, { $set: change }, { upsert: true });
    return { success: true };
  }
}
Param('id')(Heartbeats.prototype, 'beat', 0);
Body()(Heartbeats.prototype, 'beat', 1);
const descriptor = Object.getOwnPropertyDescriptor(Heartbeats.prototype, 'beat');
Post(':id/heartbeat')(Heartbeats.prototype, 'beat', descriptor);
HttpCode(200)(Heartbeats.prototype, 'beat', descriptor);
Controller('agents')(Heartbeats);
class Bare {}
Module({ controllers: [Heartbeats] })(Bare);

const app = await NestFactory.create(Bare, new FastifyAdapter(), { logger: ['error'] });
await app.listen(0, '127.0.0.1');
console.log(app.getHttpServer().address().port);
process.stdin.on('end', () => process.exit(0)).resume();

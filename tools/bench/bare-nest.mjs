// The baseline of the bridge: Nest on Fastify with one route that passes a call on to the agent. With MONGODB_URI set it
// also inserts both messages, journaled and with majority, one insert per call: what a straightforward service would do.
import 'reflect-metadata';
import { Body, Controller, HttpCode, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import mongoose from 'mongoose';
import { Pool } from 'undici';

const agent = new Pool(process.argv[2], { connections: 64 });
const uri = process.env.BENCH_MONGODB_URI;
const messages = uri
  ? (await mongoose.mongo.MongoClient.connect(uri)).db('bench_bare').collection('messages', { writeConcern: { w: 'majority', journal: true } })
  : undefined;

class Calls {
  async call(body) {
    const payload = JSON.stringify({ model: body.agent_name, messages: [{ role: 'user', content: body.prompt }] });
    const headers = { 'content-type': 'application/json' };
    const answer = await agent.request({ method: 'POST', path: '/v1/messages', headers, body: payload });
    const { content } = await answer.body.json();
    const now = new Date();
    await messages?.insertMany([
      { session: body.session_id, role: 'user', content: body.prompt, at: now },
      { session: body.session_id, role: 'assistant', content, at: now },
    ]);
    return { success: true, response: content };
  }
}
Body()(Calls.prototype, 'call', 0);
const descriptor = Object.getOwnPropertyDescriptor(Calls.prototype, 'call');
Post('call')(Calls.prototype, 'call', descriptor);
HttpCode(200)(Calls.prototype, 'call', descriptor);
Controller()(Calls);
class Bare {}
Module({ controllers: [Calls] })(Bare);

const app = await NestFactory.create(Bare, new FastifyAdapter(), { logger: ['error'] });
await app.listen(0, '127.0.0.1');
console.log(app.getHttpServer().address().port);
process.stdin.on('end', () => process.exit(0)).resume();

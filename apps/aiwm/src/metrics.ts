import { Metrics } from '@agentfleet/platform';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Counter } from 'prom-client';

const HEARTBEAT = '/agents/:id/heartbeat';
const HEARTBEAT_HELP =
  'Heartbeats by result: ok, invalid (body), unauthenticated, revoked, forbidden, not_found, limited, unavailable, failed (a bug)';

type HeartbeatResult = 'ok' | 'invalid' | 'unauthenticated' | 'revoked' | 'forbidden' | 'not_found' | 'limited' | 'unavailable' | 'failed';

/** @param hasCaller the token was genuine: what refused it then is the agent's state */
export function heartbeatResult(status: number, hasCaller: boolean): HeartbeatResult {
  switch (status) {
    case 401:
      return hasCaller ? 'revoked' : 'unauthenticated';
    case 403:
      return 'forbidden';
    case 404:
      return 'not_found';
    case 429:
      return 'limited';
    case 503:
      return 'unavailable';
    default:
      return status < 400 ? 'ok' : status < 500 ? 'invalid' : 'failed';
  }
}

/** Counts answers wherever they came from: credentials are refused long before a controller is asked. */
@Injectable()
export class AnswerMetrics implements OnModuleInit {
  private readonly heartbeats: Counter<'result'>;
  private readonly limited: Counter<'route'>;

  constructor(
    private readonly host: HttpAdapterHost,
    metrics: Metrics,
  ) {
    this.heartbeats = metrics.counter({ name: 'aiwm_agent_heartbeats_total', help: HEARTBEAT_HELP, labelNames: ['result'] });
    this.limited = metrics.counter({ name: 'aiwm_rate_limited_total', help: 'Requests refused with 429, by route pattern', labelNames: ['route'] });
  }

  onModuleInit(): void {
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    fastify.addHook('onResponse', (request, reply, done) => {
      this.count(request, reply);
      done();
    });
  }

  private count(request: FastifyRequest, reply: FastifyReply): void {
    const route = request.is404 ? 'unknown' : (request.routeOptions.url ?? 'unknown');
    if (reply.statusCode === 429) this.limited.inc({ route });
    if (route === HEARTBEAT && request.method === 'POST') this.heartbeats.inc({ result: heartbeatResult(reply.statusCode, request.caller !== undefined) });
  }
}

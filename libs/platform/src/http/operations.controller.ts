import { Controller, Get, Res } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiOkResponse, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Bus } from '../bus/bus';
import { Lifecycle } from '../lifecycle';
import { Database } from '../mongo/database';
import { Metrics } from '../observe/metrics';
import { Public } from './access';

/** State of what this replica depends on. */
export interface Checks {
  readonly mongodb: 'up' | 'down';
  readonly redis: 'up' | 'down';
  readonly draining: boolean;
}

/** What every app's health answers are made of: its storage, its bus, whether it is ending, since when it runs. */
export class HealthChecks {
  constructor(
    private readonly database: Database,
    private readonly bus: Bus,
    private readonly lifecycle: Lifecycle,
    private readonly startedAt: Date,
  ) {}

  checks(): Checks {
    return {
      mongodb: this.database.isUp ? 'up' : 'down',
      redis: this.bus.isUp ? 'up' : 'down',
      draining: this.lifecycle.draining,
    };
  }

  /** For an app's own health answer: `degraded` when only Redis is down, `down` (to be answered 503) without MongoDB. */
  status(): 'ok' | 'degraded' | 'down' {
    const { mongodb, redis } = this.checks();
    return mongodb === 'down' ? 'down' : redis === 'down' ? 'degraded' : 'ok';
  }

  uptimeSeconds(): number {
    return Math.floor((Date.now() - this.startedAt.getTime()) / 1000);
  }

  /** `ready`, `degraded` when only Redis is down, `not_ready` without MongoDB, while booting and while draining. */
  readiness(): 'ready' | 'degraded' | 'not_ready' {
    const checks = this.checks();
    if (this.lifecycle.state !== 'ready' || checks.mongodb === 'down') return 'not_ready';
    return checks.redis === 'down' ? 'degraded' : 'ready';
  }
}

const CHECKS_SCHEMA = {
  type: 'object',
  properties: {
    mongodb: { type: 'string', enum: ['up', 'down'] },
    redis: { type: 'string', enum: ['up', 'down'] },
    draining: { type: 'boolean' },
  },
};
const readinessSchema = (states: string[]) => ({
  schema: { type: 'object', properties: { status: { type: 'string', enum: states }, checks: CHECKS_SCHEMA } },
});

/** Probes and metrics, the same in every app. */
@ApiTags('operations')
@Controller()
export class OperationsController {
  constructor(
    private readonly health: HealthChecks,
    private readonly metrics: Metrics,
  ) {}

  /** 200 while the event loop turns. */
  @Get('health/live')
  @Public()
  @ApiOkResponse({ schema: { type: 'object', properties: { status: { type: 'string', enum: ['ok'] } } } })
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** 200 when this replica can serve; `degraded` when only Redis is down. */
  @Get('health/ready')
  @Public()
  @ApiOkResponse(readinessSchema(['ready', 'degraded']))
  @ApiServiceUnavailableResponse(readinessSchema(['not_ready']))
  ready(@Res() reply: FastifyReply): void {
    const status = this.health.readiness();
    void reply.status(status === 'not_ready' ? 503 : 200).send({ status, checks: this.health.checks() });
  }

  @Get('metrics')
  @Public()
  @ApiExcludeEndpoint()
  async scrape(@Res() reply: FastifyReply): Promise<void> {
    const text = await this.metrics.registry.metrics();
    void reply.type(this.metrics.registry.contentType).send(text);
  }
}

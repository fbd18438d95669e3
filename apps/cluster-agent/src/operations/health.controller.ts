import { HealthChecks, Public, REPLICA, type Replica } from '@agentfleet/platform';
import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Bindings } from '../agent/bindings';

/** The contract's own health answer; `/api/v1/health` because some agents probe that. */
@ApiTags('operations')
@Controller()
export class HealthController {
  constructor(
    @Inject(HealthChecks) private readonly health: HealthChecks,
    @Inject(Bindings) private readonly bindings: Bindings,
    @Inject(REPLICA) private readonly replica: Replica,
  ) {}

  /** 200 `ok` or `degraded` (Redis down), 503 `down` without MongoDB. */
  @Get(['health', 'api/v1/health'])
  @Public()
  read(@Res() reply: FastifyReply): void {
    const { mongodb, redis } = this.health.checks();
    const status = mongodb === 'down' ? 'down' : redis === 'down' ? 'degraded' : 'ok';
    void reply.status(status === 'down' ? 503 : 200).send({
      status,
      service: 'cluster-agent',
      version: this.replica.version,
      uptime_seconds: Math.floor((Date.now() - this.replica.startedAt.getTime()) / 1000),
      replica_id: this.replica.id,
      checks: { mongodb, redis },
      sockets: this.bindings.sockets.size,
      clusters_online: this.bindings.onlineCount,
    });
  }
}

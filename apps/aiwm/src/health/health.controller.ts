import { ENV, HealthChecks, Public, REPLICA, type PlatformEnv, type Replica } from '@agentfleet/platform';
import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ApiAnswer } from '../api/api-docs';
import { HealthDto } from './health.dto';

@ApiTags('operations')
@Controller()
export class HealthController {
  constructor(
    private readonly health: HealthChecks,
    @Inject(REPLICA) private readonly replica: Replica,
    @Inject(ENV) private readonly env: PlatformEnv,
  ) {}

  /** State of the app and what it depends on. */
  @Get('health')
  @Public()
  @ApiAnswer(HealthDto)
  @ApiAnswer(HealthDto, { status: 503 })
  get(@Res() reply: FastifyReply): void {
    const { mongodb, redis } = this.health.checks();
    const status = this.health.status();
    const body: HealthDto = {
      status,
      info: {
        version: this.replica.version,
        gitCommit: this.replica.gitCommit,
        uptime: this.health.uptimeSeconds(),
        environment: this.env.NODE_ENV,
      },
      details: { database: { status: mongodb }, redis: { status: redis } },
    };
    void reply.status(status === 'down' ? 503 : 200).send(body);
  }

  /** Leads to Swagger UI until there is a dashboard. */
  @Get()
  @Public()
  @ApiExcludeEndpoint()
  root(@Res() reply: FastifyReply): void {
    void reply.redirect('/api-docs', 302);
  }
}

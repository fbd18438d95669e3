import type { GatewayHealth } from '@agentfleet/contracts';
import { CLOCK, Metrics, Public, REPLICA, type Clock, type Replica } from '@agentfleet/platform';
import { wireTime } from '@agentfleet/sessions';
import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiOkResponse, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { HEALTH, UNHEALTHY } from '../api-docs/examples';
import { SessionRepository } from '../sessions/session.repository';
import { HealthDto } from './health.dto';
import { SessionCount } from './session-count';

@ApiTags('operations')
@Controller()
export class HealthController {
  private readonly sessions: SessionCount;

  constructor(
    repository: SessionRepository,
    @Inject(REPLICA) private readonly replica: Replica,
    @Inject(CLOCK) private readonly clock: Clock,
    metrics: Metrics,
  ) {
    this.sessions = new SessionCount(() => repository.count());
    const collect = async (gauge: { set(value: number): void }): Promise<void> => gauge.set(await this.sessions.now().catch(() => this.sessions.last));
    metrics.gauge({ name: 'gateway_sessions', help: 'Sessions that exist, of all replicas', collect });
  }

  /** The sessions that exist, exactly and uncached. 503 when storage does not answer. */
  @Get('health')
  @Public()
  @ApiOkResponse({ type: HealthDto, example: HEALTH })
  @ApiServiceUnavailableResponse({ description: 'Storage does not answer; the last known count', type: HealthDto, example: UNHEALTHY })
  async health(@Res() reply: FastifyReply): Promise<void> {
    const health = await this.look();
    void reply.status(health.status === 'healthy' ? 200 : 503).send(health);
  }

  @Get('api/v1/health')
  @Public()
  @ApiExcludeEndpoint()
  async healthV1(@Res() reply: FastifyReply): Promise<void> {
    const health = await this.look();
    void reply.status(health.status === 'healthy' ? 200 : 503).send({ ...health, timestamp: wireTime(this.clock.now()) });
  }

  private async look(): Promise<GatewayHealth> {
    const { version } = this.replica;
    try {
      return { status: 'healthy', version, sessions_active: await this.sessions.now() };
    } catch {
      return { status: 'unhealthy', version, sessions_active: this.sessions.last };
    }
  }
}

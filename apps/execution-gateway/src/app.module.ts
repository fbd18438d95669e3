import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { HealthModule } from './health/health.module';
import { ModelsModule } from './models/models.module';
import { RateLimitGuard } from './rate-limit/rate-limit';
import { RemovalModule } from './removal/removal.module';
import { RunsModule } from './runs/runs.module';
import { SessionsModule } from './sessions/sessions.module';
import { SocketsModule } from './sockets/sockets.module';

@Module({
  imports: [HealthModule, ModelsModule, RemovalModule, RunsModule, SessionsModule, SocketsModule],
  providers: [{ provide: APP_GUARD, useClass: RateLimitGuard }],
})
export class AppModule {}

import { Module } from '@nestjs/common';
import { EventsModule } from './events/events.module';
import { HealthModule } from './health/health.module';
import { ModelsModule } from './models/models.module';
import { RateLimitModule } from './rate-limit/rate-limit.module';
import { RemovalModule } from './removal/removal.module';
import { RunsModule } from './runs/runs.module';
import { SessionsModule } from './sessions/sessions.module';
import { SocketsModule } from './sockets/sockets.module';

/** The order of the modules is that of the routes in the API's document. */
@Module({ imports: [HealthModule, ModelsModule, RemovalModule, RunsModule, EventsModule, SessionsModule, SocketsModule, RateLimitModule] })
export class AppModule {}

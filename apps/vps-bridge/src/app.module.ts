import { Module } from '@nestjs/common';
import { AgentsModule } from './agents/agents.module';
import { CallsModule } from './calls/calls.module';
import { HealthModule } from './health/health.module';
import { InternalModule } from './relay/relay.module';
import { RootHealthController } from './health.controller';
import { StrictUrl } from './operations/strict-url';
import { ProbesModule } from './probes/probes.module';
import { SessionsModule } from './sessions/sessions.module';

@Module({
  imports: [AgentsModule, CallsModule, HealthModule, InternalModule, ProbesModule, SessionsModule],
  controllers: [RootHealthController],
  providers: [StrictUrl],
})
export class AppModule {}

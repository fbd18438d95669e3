import { Module } from '@nestjs/common';
import { AgentsModule } from './agents/agents.module';
import { AsyncCallsModule } from './calls/async/async-calls.module';
import { CallsModule } from './calls/calls.module';
import { CallRecordsModule } from './calls/records/call-records.module';
import { StreamCallsModule } from './calls/stream/stream-calls.module';
import { RootHealthController } from './health.controller';
import { HealthModule } from './health/health.module';
import { HttpModule } from './http/http.module';
import { ProbesModule } from './probes/probes.module';
import { RelayModule } from './relay/relay.module';
import { SessionsModule } from './sessions/sessions.module';

/** The order of the modules is that of the routes in the API's document. */
@Module({
  imports: [AgentsModule, CallRecordsModule, CallsModule, AsyncCallsModule, StreamCallsModule, HealthModule, RelayModule, ProbesModule, SessionsModule, HttpModule],
  controllers: [RootHealthController],
})
export class AppModule {}

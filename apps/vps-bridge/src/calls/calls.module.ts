import { Lifecycle } from '@agentfleet/platform';
import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module';
import { HealthRecordsModule } from '../health-records/health-records.module';
import { HealthWriter } from '../health-records/health-writer';
import { SessionsModule } from '../sessions/sessions.module';
import { VpsClientModule } from '../vps-client/vps-client.module';
import { CallAgent } from './call-agent';
import { CallsController } from './calls.controller';
import { CallsInFlight } from './calls-in-flight';
import { CallCommits } from './call-commits';
import { ConcludeCall } from './conclude-call';
import { IdempotentCalls } from './idempotent-calls';
import { PromptStore } from './prompt-store';
import { CallRecordsModule } from './records/call-records.module';
import { RecordWriter } from './records/record-writer';
import { TryAgent } from './try-agent';

@Module({
  imports: [AgentsModule, CallRecordsModule, HealthRecordsModule, SessionsModule, VpsClientModule],
  controllers: [CallsController],
  providers: [CallAgent, CallsInFlight, CallCommits, ConcludeCall, IdempotentCalls, PromptStore, TryAgent],
  exports: [CallAgent, CallsInFlight, ConcludeCall, IdempotentCalls],
})
export class CallsModule {
  constructor(lifecycle: Lifecycle, inFlight: CallsInFlight, records: RecordWriter, health: HealthWriter) {
    lifecycle.onDrain('running calls', async () => {
      await inFlight.drain();
      await Promise.all([records.flush(), health.flush()]);
    });
  }
}

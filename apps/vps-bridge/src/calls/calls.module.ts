import { Lifecycle } from '@agentfleet/platform';
import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module';
import { HealthStoreModule } from '../health-records/health-records.module';
import { HealthModule } from '../health/health.module';
import { SessionsModule } from '../sessions/sessions.module';
import { VpsClientModule } from '../vps-client/vps-client.module';
import { AsyncCalls } from './async/call-queue';
import { CallAgent } from './call-agent';
import { CallMetrics } from '../metrics';
import { CallsController } from './calls.controller';
import { CallRecordsController } from './records/call-records.controller';
import { CallRepository } from './records/call.repository';
import { callStore } from './records/call.schema';
import { DrainCalls } from './drain-calls';
import { HeldCalls } from './records/call-leases';
import { KeyedCalls } from './idempotent-calls';
import { PromptStore } from './prompt-store';
import { RecordWriter } from './records/record-writer';
import { RunCall } from './conclude-call';
import { RunningCalls } from './calls-in-flight';
import { SettleSession } from './settle-session';
import { CommitLoop } from './commit-loop';
import { StreamCall } from './stream/stream-call';
import { TryAgent } from './try-agent';

@Module({
  imports: [callStore, AgentsModule, HealthModule, HealthStoreModule, SessionsModule, VpsClientModule],
  controllers: [CallRecordsController, CallsController],
  providers: [
    AsyncCalls,
    CallAgent,
    CallMetrics,
    CallRepository,
    CommitLoop,
    DrainCalls,
    HeldCalls,
    KeyedCalls,
    PromptStore,
    RecordWriter,
    RunCall,
    RunningCalls,
    SettleSession,
    StreamCall,
    TryAgent,
  ],
  exports: [CallAgent],
})
export class CallsModule {
  constructor(lifecycle: Lifecycle, drain: DrainCalls) {
    lifecycle.onDrain('running calls', () => drain.drain());
  }
}

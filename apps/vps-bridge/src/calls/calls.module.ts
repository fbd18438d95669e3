import { Lifecycle } from '@agentfleet/platform';
import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module';
import { HealthStoreModule } from '../health/health-store.module';
import { HealthModule } from '../health/health.module';
import { SessionsModule } from '../sessions/sessions.module';
import { VpsClientModule } from '../vps-client/vps-client.module';
import { AsyncCalls } from './async-calls';
import { CallAgent } from './call-agent';
import { CallMetrics } from './call-metrics';
import { CallsController } from './calls.controller';
import { CallRecordsController } from './call-records.controller';
import { CallRepository } from './call.repository';
import { callStore } from './call.schema';
import { DrainCalls } from './drain-calls';
import { HeldCalls } from './held-calls';
import { KeyedCalls } from './keyed-calls';
import { PromptStore } from './prompt-store';
import { RecordWriter } from './record-writer';
import { RunCall } from './run-call';
import { RunningCalls } from './running-calls';
import { SettleSession } from './settle-session';
import { CommitLoop } from './commit-loop';
import { StreamCall } from './stream-call';
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

import { Module } from '@nestjs/common';
import { AgentsModule } from '../../agents/agents.module';
import { SessionsModule } from '../../sessions/sessions.module';
import { CallsModule } from '../calls.module';
import { CallRecordsModule } from '../records/call-records.module';
import { AcceptCall } from './accept-call';
import { AsyncCallsController } from './async-calls.controller';
import { CallQueue } from './call-queue';

@Module({
  imports: [AgentsModule, CallRecordsModule, CallsModule, SessionsModule],
  controllers: [AsyncCallsController],
  providers: [AcceptCall, CallQueue],
})
export class AsyncCallsModule {}

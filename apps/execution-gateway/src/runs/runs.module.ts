import { Module } from '@nestjs/common';
import { EventBroadcast } from '../events/event-broadcast';
import { EventStream } from '../events/event-stream';
import { EventsController, EventsV1Controller } from '../events/events.controller';
import { LiveCallers, LiveCallersController } from '../events/live-callers';
import { SessionFeeds } from '../events/session-feeds';
import { ModelsModule } from '../models/models.module';
import { SessionsModule } from '../sessions/sessions.module';
import { AdmitRun } from './admit-run';
import { RunBusController } from './bus.controller';
import { CancelRun } from './cancel-run';
import { LocalEngine } from './engines/local-engine';
import { RecordsModule } from './records.module';
import { RunExecutor } from './run-executor';
import { RunStore } from './run-store.repository';
import { RunsController, RunsV1Controller } from './runs.controller';

@Module({
  imports: [RecordsModule, SessionsModule, ModelsModule],
  controllers: [RunsController, RunsV1Controller, EventsController, EventsV1Controller, LiveCallersController, RunBusController],
  providers: [AdmitRun, CancelRun, EventBroadcast, EventStream, LiveCallers, LocalEngine, RunExecutor, RunStore, SessionFeeds],
  exports: [AdmitRun, CancelRun, LiveCallers, RunStore, SessionFeeds],
})
export class RunsModule {}

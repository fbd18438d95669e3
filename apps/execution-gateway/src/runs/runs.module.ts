import { Module } from '@nestjs/common';
import { EventBroadcast } from '../events/event-broadcast';
import { SessionStreams } from '../events/session-streams';
import { EventsController, EventsV1Controller } from '../events/events.controller';
import { SessionFeeds } from '../events/session-feeds';
import { ModelsModule } from '../models/models.module';
import { SessionsModule } from '../sessions/sessions.module';
import { AdmitRun } from './admit-run';
import { RunBusController } from './bus.controller';
import { CancelRun } from './cancel-run';
import { LocalEngine } from '../engines/local-engine';
import { RecordsModule } from './records.module';
import { RunExecutor } from './run-executor';
import { RunStore } from './run-store.repository';
import { RunsController, RunsV1Controller } from './runs.controller';

@Module({
  imports: [RecordsModule, SessionsModule, ModelsModule],
  controllers: [RunsController, RunsV1Controller, EventsController, EventsV1Controller, RunBusController],
  providers: [AdmitRun, CancelRun, EventBroadcast, LocalEngine, RunExecutor, RunStore, SessionFeeds, SessionStreams],
  exports: [AdmitRun, CancelRun, RunStore, SessionFeeds],
})
export class RunsModule {}

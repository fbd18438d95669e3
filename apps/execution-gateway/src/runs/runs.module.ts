import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { EnginesModule } from '../engines/engines.module';
import { EventsModule } from '../events/events.module';
import { MetricsModule } from '../metrics';
import { ModelsModule } from '../models/models.module';
import { SessionsModule } from '../sessions/sessions.module';
import { WorkspacesModule } from '../workspaces/workspaces.module';
import { Admissions } from './admissions';
import { AdmitRun } from './admit-run';
import { CancelRun } from './cancel-run';
import { ExecuteRun } from './execute-run';
import { MessageSchema } from './message.schema';
import { RunExecutor } from './run-executor';
import { RunRepository } from './run.repository';
import { RunSchema } from './run.schema';
import { RunsNoticesController } from './runs-notices.controller';
import { RunsController, RunsV1Controller } from './runs.controller';
import { TranscriptRepository } from './transcript.repository';

@Module({
  imports: [
    MongooseModule.forFeature([
      { name: 'Run', schema: RunSchema },
      { name: 'GatewayMessage', schema: MessageSchema },
    ]),
    EnginesModule,
    EventsModule,
    MetricsModule,
    ModelsModule,
    SessionsModule,
    WorkspacesModule,
  ],
  controllers: [RunsController, RunsV1Controller, RunsNoticesController],
  providers: [Admissions, AdmitRun, CancelRun, ExecuteRun, RunExecutor, RunRepository, TranscriptRepository],
  exports: [AdmitRun, CancelRun, RunRepository, TranscriptRepository],
})
export class RunsModule {}

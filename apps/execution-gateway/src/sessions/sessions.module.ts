import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { EnginesModule } from '../engines/engines.module';
import { ModelsModule } from '../models/models.module';
import { WorkspacesModule } from '../workspaces/workspaces.module';
import { CreateSession } from './create-session';
import { LastRuns } from './last-run.repository';
import { SessionStates } from './session-states';
import { SessionRepository } from './session.repository';
import { SessionSchema } from './session.schema';
import { SessionsController, SessionsV1Controller } from './sessions.controller';

@Module({
  imports: [MongooseModule.forFeature([{ name: 'GatewaySession', schema: SessionSchema }]), EnginesModule, ModelsModule, WorkspacesModule],
  controllers: [SessionsController, SessionsV1Controller],
  providers: [CreateSession, LastRuns, SessionStates, SessionRepository],
  exports: [LastRuns, SessionStates, SessionRepository],
})
export class SessionsModule {}

import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { ModelsModule } from '../models/models.module';
import { RecordsModule } from '../runs/records.module';
import { CreateSession } from './create-session';
import { SessionDirectory } from './session-directory';
import { SessionRepository } from './session.repository';
import { SessionSchema } from './session.schema';
import { SessionsController, SessionsV1Controller } from './sessions.controller';
import { Workspaces } from '../workspaces/workspaces';

@Module({
  imports: [MongooseModule.forFeature([{ name: 'GatewaySession', schema: SessionSchema }]), RecordsModule, ModelsModule],
  controllers: [SessionsController, SessionsV1Controller],
  providers: [CreateSession, SessionDirectory, SessionRepository, Workspaces],
  exports: [SessionDirectory, SessionRepository, Workspaces],
})
export class SessionsModule {}

import { Module } from '@nestjs/common';
import { RecordsModule } from '../runs/records.module';
import { RunsModule } from '../runs/runs.module';
import { SessionsModule } from '../sessions/sessions.module';
import { ExecuteSocketPolicy } from './execute-policy';
import { ExecuteGateway } from './execute.gateway';
import { SocketPathController } from './socket-path.controller';

@Module({ imports: [RecordsModule, RunsModule, SessionsModule], controllers: [SocketPathController], providers: [ExecuteGateway, ExecuteSocketPolicy] })
export class SocketsModule {}

import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module';
import { MetricsModule } from '../metrics';
import { RunsModule } from '../runs/runs.module';
import { SessionsModule } from '../sessions/sessions.module';
import { ConnectionFrames } from './connection-frames';
import { ExecuteSocketPolicy } from './execute-policy';
import { ExecuteGateway } from './execute.gateway';
import { SocketPathController } from './socket-path.controller';

@Module({ imports: [EventsModule, MetricsModule, RunsModule, SessionsModule], controllers: [SocketPathController], providers: [ConnectionFrames, ExecuteGateway, ExecuteSocketPolicy] })
export class SocketsModule {}

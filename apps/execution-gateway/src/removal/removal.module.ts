import { Module } from '@nestjs/common';
import { RecordsModule } from '../runs/records.module';
import { RunsModule } from '../runs/runs.module';
import { SessionsModule } from '../sessions/sessions.module';
import { DeleteSession } from './delete-session';
import { RemovalController } from './removal.controller';

@Module({ imports: [RecordsModule, RunsModule, SessionsModule], controllers: [RemovalController], providers: [DeleteSession] })
export class RemovalModule {}

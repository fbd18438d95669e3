import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module';
import { RunsModule } from '../runs/runs.module';
import { SessionsModule } from '../sessions/sessions.module';
import { WorkspacesModule } from '../workspaces/workspaces.module';
import { DeleteSession } from './delete-session';
import { RemovalController } from './removal.controller';

/** Runs before events: their routes stand in this order in the API document. */
@Module({ imports: [RunsModule, EventsModule, SessionsModule, WorkspacesModule], controllers: [RemovalController], providers: [DeleteSession] })
export class RemovalModule {}

import { ENV } from '@agentfleet/platform';
import { Inject, Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import type { VpsBridgeEnv } from '../env';
import { ImportSessions } from './import-sessions';
import { MessagePlacer } from './message-placer';
import { MessageRepository } from './message.repository';
import { RemoveSessions } from './remove-sessions';
import { RemovedSessionRepository } from './removed-session.repository';
import { SessionDirectory } from './session-directory';
import { SessionRepository } from './session.repository';
import { IMPORT_PATH, SessionFilesController } from './session-files.controller';
import { SessionActivities } from './session-activity';
import { sessionStore } from './session.schema';
import { SessionsNoticesController } from './sessions-notices.controller';
import { SessionsController } from './sessions.controller';

@Module({
  imports: [sessionStore],
  controllers: [SessionFilesController, SessionsController, SessionsNoticesController],
  providers: [SessionRepository, MessageRepository, SessionDirectory, MessagePlacer, SessionActivities, RemoveSessions, RemovedSessionRepository, ImportSessions],
  exports: [SessionRepository, MessageRepository, SessionDirectory, MessagePlacer, SessionActivities],
})
export class SessionsModule {
  /** Imports have a limit of their own, which a decorator cannot know: it is set when the route is made. */
  constructor({ httpAdapter }: HttpAdapterHost, @Inject(ENV) env: VpsBridgeEnv) {
    httpAdapter.getInstance<FastifyInstance>().addHook('onRoute', (route) => {
      if (route.url === IMPORT_PATH) route.bodyLimit = env.VPS_MAX_IMPORT_BYTES;
    });
  }
}

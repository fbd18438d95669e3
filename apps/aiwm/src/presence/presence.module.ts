import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { AgentRecordsModule } from '../agent-records/agent-records.module';
import { PresenceHistoryRepository } from './presence-history.repository';
import { PRESENCE_HISTORY, presenceHistorySchema } from './presence-history.schema';
import { PresenceNoticesController } from './presence-notices.controller';
import { PresenceTransitions } from './presence-transitions';
import { PresenceRepository } from './presence.repository';
import { AGENT_PRESENCE, agentPresenceSchema } from './presence.schema';
import { PresenceService } from './presence.service';

@Module({
  imports: [
    MongooseModule.forFeature([{ name: AGENT_PRESENCE, schema: agentPresenceSchema }, { name: PRESENCE_HISTORY, schema: presenceHistorySchema }]),
    AgentRecordsModule,
  ],
  controllers: [PresenceNoticesController],
  providers: [PresenceRepository, PresenceService, PresenceHistoryRepository, PresenceTransitions],
  exports: [PresenceService, PresenceTransitions],
})
export class PresenceModule {}

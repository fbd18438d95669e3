import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { AgentStateDirectory } from './agent-state-directory';
import { AgentNoticesController } from './agent-notices.controller';
import { AgentRepository } from './agent.repository';
import { AGENTS, agentSchema } from './agent.schema';
import { ConfigurationChanges } from './configuration-changes';

/** Agents as they are stored: below presence, and below what agents refer to, so that each may ask about agents. */
@Module({
  imports: [MongooseModule.forFeature([{ name: AGENTS, schema: agentSchema }])],
  controllers: [AgentNoticesController],
  providers: [AgentRepository, AgentStateDirectory, ConfigurationChanges],
  exports: [AgentRepository, AgentStateDirectory, ConfigurationChanges],
})
export class AgentRecordsModule {}

import { IdempotencyModule } from '@agentfleet/platform';
import { Module } from '@nestjs/common';
import { AgentRecordsModule } from '../agent-records/agent-records.module';
import { InstructionsModule } from '../instructions/instructions.module';
import { NodesModule } from '../nodes/nodes.module';
import { PasswordsModule } from '../passwords/passwords.module';
import { PresenceModule } from '../presence/presence.module';
import { ToolsModule } from '../tools/tools.module';
import { AgentConfigurations } from './agent-configurations';
import { StoredSettings } from './stored-settings';
import { AgentsController } from './agents.controller';
import { AgentsService } from './agents.service';
import { ConfigurationQuestionsController } from './configuration-questions.controller';
import { CredentialsService } from './credentials.service';

@Module({
  imports: [AgentRecordsModule, IdempotencyModule, InstructionsModule, NodesModule, PasswordsModule, PresenceModule, ToolsModule],
  controllers: [AgentsController, ConfigurationQuestionsController],
  providers: [StoredSettings, AgentConfigurations, AgentsService, CredentialsService],
  exports: [AgentConfigurations],
})
export class AgentsModule {}

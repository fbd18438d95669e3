import { Module } from '@nestjs/common';
import { HealthRecordsModule } from '../health-records/health-records.module';
import { VpsClientModule } from '../vps-client/vps-client.module';
import { AgentDirectory } from './agent-directory';
import { AgentHealth } from './agent-health';
import { AgentRepository } from './agent.repository';
import { agentStore } from './agent.schema';
import { AgentsNoticesController } from './agents-notices.controller';
import { AgentsController } from './agents.controller';
import { RegisterAgent } from './register-agent';

/** The registry: what may be called, and the cache that calls use. */
@Module({
  imports: [agentStore, VpsClientModule, HealthRecordsModule],
  controllers: [AgentsController, AgentsNoticesController],
  providers: [AgentRepository, AgentDirectory, AgentHealth, RegisterAgent],
  exports: [AgentDirectory, AgentHealth, RegisterAgent],
})
export class AgentsModule {}

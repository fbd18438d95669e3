import { Module } from '@nestjs/common';
import { AgentRecordsModule } from '../agent-records/agent-records.module';
import { AgentsModule } from '../agents/agents.module';
import { IdentityModule } from '../identity/identity.module';
import { LimitsModule } from '../limits/limits.module';
import { PasswordsModule } from '../passwords/passwords.module';
import { PresenceModule } from '../presence/presence.module';
import { AgentGuard } from './agent-guard';
import { ConnectAgent } from './connect-agent';
import { ConnectionController } from './connection.controller';
import { SecretCheck } from './secret-check';

@Module({
  imports: [AgentRecordsModule, AgentsModule, IdentityModule, LimitsModule, PasswordsModule, PresenceModule],
  controllers: [ConnectionController],
  providers: [SecretCheck, AgentGuard, ConnectAgent],
})
export class ConnectionModule {}

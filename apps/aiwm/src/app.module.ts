import { Module } from '@nestjs/common';
import { AgentsModule } from './agents/agents.module';
import { ApiKeysModule } from './api-keys/api-keys.module';
import { AuditLogModule } from './audit/audit-log.module';
import { ConnectionModule } from './connection/connection.module';
import { EventsModule } from './events/events.module';
import { HealthModule } from './health/health.module';
import { IdentityModule } from './identity/identity.module';
import { InstructionsModule } from './instructions/instructions.module';
import { AnswerMetrics } from './metrics';
import { NodesModule } from './nodes/nodes.module';
import { OrganizationsModule } from './organizations/organizations.module';
import { ToolsModule } from './tools/tools.module';
import { UsersModule } from './users/users.module';

/** In the order of the API's description. */
@Module({
  imports: [
    HealthModule,
    IdentityModule,
    OrganizationsModule,
    ApiKeysModule,
    UsersModule,
    AuditLogModule,
    InstructionsModule,
    ToolsModule,
    NodesModule,
    AgentsModule,
    ConnectionModule,
    EventsModule,
  ],
  providers: [AnswerMetrics],
})
export class AppModule {}

import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { AgentDirectory, AgentNoticesController } from './agent-records/agent-directory';
import { AgentRepository } from './agent-records/agent.repository';
import {
  AGENT_PRESENCE,
  agentPresenceSchema,
  AGENTS,
  agentSchema,
  CONTROLLER_CLOCK,
  controllerClockSchema,
} from './agent-records/agent.schema';
import { AgentsController } from './agents/agents.controller';
import { AgentsService } from './agents/agents.service';
import { ConfigurationChanges } from './agent-records/configuration-changes';
import { CredentialsService } from './agents/credentials.service';
import { ApiKeyRepository } from './api-keys/api-key.repository';
import { ApiKeysController } from './api-keys/api-keys.controller';
import { ApiKeysService } from './api-keys/api-keys.service';
import { AuditLogController } from './audit/audit-log.controller';
import { AuditLogRepository } from './audit/audit-log.repository';
import { AgentGuard } from './connection/agent-guard';
import { ConnectAgent } from './connection/connect-agent';
import { ConnectionController } from './connection/connection.controller';
import { SecretCheck } from './connection/secret-check';
import { BusEventsController } from './events/bus-events.controller';
import { EventHub } from './events/event-hub';
import { EventsController } from './events/events.controller';
import { AuthController } from './identity/auth.controller';
import { AuthService } from './identity/auth.service';
import { FirstBoot } from './identity/first-boot';
import { IdentityRepository } from './identity/identity.repository';
import {
  API_KEYS,
  apiKeySchema,
  AUDIT_LOG,
  auditLogSchema,
  LOGIN_PLACES,
  loginPlaceSchema,
  ORGANIZATIONS,
  organizationSchema,
  REFRESH_TOKENS,
  refreshTokenSchema,
  SIGNING_KEYS,
  signingKeySchema,
  USERS,
  userSchema,
} from './identity/identity.schema';
import { LoginLimits } from './identity/login-limits';
import { TokenSigner } from './identity/token-signer';
import { IdempotencyInterceptor } from './idempotency/idempotency.interceptor';
import { IdempotencyRepository } from './idempotency/idempotency.repository';
import { IDEMPOTENCY_KEYS, idempotencySchema } from './idempotency/idempotency.schema';
import { InstructionRepository } from './instructions/instruction.repository';
import { INSTRUCTIONS, instructionSchema } from './instructions/instruction.schema';
import { InstructionsController } from './instructions/instructions.controller';
import { InstructionsService } from './instructions/instructions.service';
import { FailureGuard } from './limits/failure-guard';
import { PasswordHashes } from './passwords/password-hashes';
import { Sources } from './limits/sources';
import { NodeRepository } from './nodes/node.repository';
import { NODES, nodeSchema } from './nodes/node.schema';
import { NodesController } from './nodes/nodes.controller';
import { NodesService } from './nodes/nodes.service';
import { AnswerMetrics } from './metrics';
import { HealthController } from './health/health.controller';
import { OrganizationRepository } from './organizations/organization.repository';
import { OrganizationsController } from './organizations/organizations.controller';
import { OrganizationsService } from './organizations/organizations.service';
import { PRESENCE_HISTORY, PresenceHistoryRepository, presenceHistorySchema } from './presence/presence-history.repository';
import { PresenceTransitions } from './presence/presence-transitions';
import { PresenceRepository } from './presence/presence.repository';
import { PresenceService } from './presence/presence.service';
import { ToolRepository } from './tools/tool.repository';
import { TOOLS, toolSchema } from './tools/tool.schema';
import { ToolsController } from './tools/tools.controller';
import { ToolsService } from './tools/tools.service';
import { UserRepository } from './users/user.repository';
import { UsersController } from './users/users.controller';
import { UsersService } from './users/users.service';

const collections = MongooseModule.forFeature([
  { name: ORGANIZATIONS, schema: organizationSchema },
  { name: USERS, schema: userSchema },
  { name: API_KEYS, schema: apiKeySchema },
  { name: REFRESH_TOKENS, schema: refreshTokenSchema },
  { name: LOGIN_PLACES, schema: loginPlaceSchema },
  { name: SIGNING_KEYS, schema: signingKeySchema },
  { name: AUDIT_LOG, schema: auditLogSchema },
  { name: INSTRUCTIONS, schema: instructionSchema },
  { name: TOOLS, schema: toolSchema },
  { name: NODES, schema: nodeSchema },
  { name: AGENTS, schema: agentSchema },
  { name: AGENT_PRESENCE, schema: agentPresenceSchema },
  { name: CONTROLLER_CLOCK, schema: controllerClockSchema },
  { name: PRESENCE_HISTORY, schema: presenceHistorySchema },
  { name: IDEMPOTENCY_KEYS, schema: idempotencySchema },
]);

/** One module: instructions, tools, nodes and agents refer to each other, and a change of one reaches the others. */
@Module({
  imports: [collections],
  controllers: [
    HealthController,
    AuthController,
    OrganizationsController,
    ApiKeysController,
    UsersController,
    AuditLogController,
    InstructionsController,
    ToolsController,
    NodesController,
    AgentsController,
    ConnectionController,
    AgentNoticesController,
    EventsController,
    BusEventsController,
  ],
  providers: [
    IdentityRepository,
    TokenSigner,
    FirstBoot,
    AuthService,
    LoginLimits,
    OrganizationRepository,
    OrganizationsService,
    ApiKeyRepository,
    ApiKeysService,
    UserRepository,
    AuditLogRepository,
    UsersService,
    IdempotencyRepository,
    IdempotencyInterceptor,
    InstructionRepository,
    InstructionsService,
    ToolRepository,
    ToolsService,
    NodeRepository,
    NodesService,
    AgentRepository,
    AgentDirectory,
    AgentsService,
    CredentialsService,
    ConfigurationChanges,
    PresenceRepository,
    PresenceService,
    PresenceHistoryRepository,
    PresenceTransitions,
    SecretCheck,
    AgentGuard,
    FailureGuard,
    PasswordHashes,
    Sources,
    AnswerMetrics,
    ConnectAgent,
    EventHub,
  ],
})
export class AppModule {}

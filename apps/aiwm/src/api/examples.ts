import type { Type } from '@nestjs/common';
import { AgentDto, CreateAgentDto, RegeneratedDto, RegenerateDto, UpdateAgentDto } from '../agents/agent.dto';
import { ApiKeyDto, CreateApiKeyDto, CreatedApiKeyDto, RotateApiKeyDto, RotatedApiKeyDto, UpdateApiKeyDto } from '../api-keys/api-key.dto';
import { AuditRecordDto } from '../audit/audit-log.dto';
import { ConfigurationDto, ConnectAnswerDto, ConnectDto, DisconnectDto, HeartbeatAnswerDto, HeartbeatDto, PresenceHistoryDto } from '../connection/connection.dto';
import { ChangePasswordDto, JwksDto, LoginDto, LogoutDto, ProfileDto, RefreshDto, TokensDto } from '../identity/auth.dto';
import { CreateInstructionDto, InstructionDto, UpdateInstructionDto } from '../instructions/instruction.dto';
import { CreateNodeDto, NodeDto, UpdateNodeDto } from '../nodes/node.dto';
import { HealthDto } from '../health/health.dto';
import { CreateOrganizationDto, OrganizationDto, UpdateOrganizationDto } from '../organizations/organization.dto';
import { CreateToolDto, ToolDto, UpdateToolDto } from '../tools/tool.dto';
import { CreateUserDto, UpdateUserDto, UserDto } from '../users/user.dto';
import { DeletedDto, SuccessDto } from './page.dto';

const ORG = '5e1c0ffee0ddba11c0de0001';
const [AGENT, INSTRUCTION, TOOL, NODE, USER, KEY] = ['e42', 'e43', 'e44', 'e45', 'e46', 'e47'].map((end) => `66b1f00dcafe4a7c9f1d3${end}`) as [string, string, string, string, string, string]; // six of six
const [EARLIER, NOW, LATER] = ['2026-03-01T09:00:00.000Z', '2026-03-01T10:00:00.000Z', '2026-03-01T11:00:00.000Z'];
const TOKEN = 'eyJhbGciOiJFUzI1NiIsImtpZCI6IuKApiJ9.eyJpc3MiOiJhaXdtIn0.c2lnbmF0dXJl';
const SECRET = '3f9c0000000000000000000000000000000000000000000000000000000000ab';
/** Nothing that works: whoever tries it out is told where the real one is. */
const PASSWORD_PLACE = '<AIWM_ADMIN_PASSWORD in the secrets.json of npm start>';
const kept = { owner: { orgId: ORG }, createdBy: USER, updatedBy: USER, createdAt: EARLIER, updatedAt: NOW };
const schema = { inputSchema: { type: 'object', properties: { path: { type: 'string' } } }, outputSchema: { type: 'object' } };
const instruction = { name: 'Support', systemPrompt: 'You are a helpful AI assistant.', description: '', guidelines: ['Be polite', 'Be accurate'], tags: ['support'] };
const settings = { claudeModel: 'claude-3-5-haiku-latest', maxTurns: 100, discord: { token: '…', channelIds: ['123'] } };
const redacted = { ...settings, discord: { token: '[redacted]', channelIds: ['123'] } };
const tool = { name: 'read-file', type: 'builtin' as const, description: 'Reads a file of the workspace', category: 'productivity', schema };
const configuration = {
  instruction: 'You are a helpful AI assistant.\n\n## Guidelines\n1. Be polite\n2. Be accurate',
  tools: [{ _id: TOOL, ...tool, status: 'active' }],
  agent: { id: AGENT, name: 'My Agent', orgId: ORG },
  settings,
};
const tokens: TokensDto = { accessToken: TOKEN, expiresIn: 3600, refreshToken: 'vN2…', refreshExpiresIn: 604_800, tokenType: 'bearer' };
const key = { _id: KEY, name: 'ci', prefix: 'afk_1a2b3c4d', scopes: ['agents:read'], limits: { requestsPerMinute: 600 }, expiresAt: null };

const examples = new Map<Type, object>();
/** Typed by the DTO, so that an example that no longer fits does not compile. */
function example<T extends object>(type: Type<T>, value: T): void {
  examples.set(type, value);
}

example(CreateInstructionDto, instruction);
example(UpdateInstructionDto, { guidelines: ['Be brief'] });
example(InstructionDto, { _id: INSTRUCTION, ...instruction, status: 'active', ...kept });
example(CreateToolDto, { ...tool, scope: 'org' });
example(UpdateToolDto, { status: 'inactive' });
example(ToolDto, { _id: TOOL, ...tool, status: 'active', scope: 'org', tags: [], transport: null, endpoint: null, dockerImage: null, port: null, environment: { API_TOKEN: '[redacted]' }, healthEndpoint: null, ...kept });
example(CreateNodeDto, { name: 'vps-1', role: ['worker'], vpnIp: '10.8.0.2', specs: { cpu: 4 }, location: { region: 'eu-central' } });
example(UpdateNodeDto, { status: 'maintenance' });
example(NodeDto, { _id: NODE, name: 'vps-1', role: ['worker'], isLocal: false, vpnIp: '10.8.0.2', status: 'online', specs: { cpu: 4 }, location: { region: 'eu-central' }, ...kept });
example(CreateAgentDto, { name: 'My Agent', tags: ['support'], settings }); // no ids: on a fresh stack nothing could be referred to
example(UpdateAgentDto, { status: 'suspended' });
example(AgentDto, {
  _id: AGENT,
  name: 'My Agent',
  description: '',
  status: 'active',
  type: 'autonomous',
  instructionId: INSTRUCTION,
  nodeId: NODE,
  allowedToolIds: [TOOL],
  tags: ['support'],
  settings: redacted,
  connectionStatus: 'online',
  presence: { status: 'online', since: NOW, reason: 'heartbeat', detail: null, lastHeartbeatAt: NOW, nextExpectedAt: '2026-03-01T10:01:00.000Z' },
  connectionCount: 3,
  lastConnectedAt: EARLIER,
  lastHeartbeatAt: NOW,
  metrics: { cpu: 12.5 },
  metricsAt: NOW,
  configRevision: 7,
  credentials: { issuedAt: EARLIER, lastUsedAt: EARLIER, previousExpiresAt: null, previousLastUsedAt: null },
  ...kept,
});
example(RegenerateDto, { overlapSeconds: 86_400 });
example(RegeneratedDto, {
  agentId: AGENT,
  secret: SECRET,
  envConfig: `# ===== AIWM Integration =====\nAIWM_ENABLED=true\nAIWM_BASE_URL=https://aiwm.example.org\nAIWM_AGENT_ID=${AGENT}\nAIWM_AGENT_SECRET=${SECRET}\n…`,
  installScript: '#!/bin/bash\nset -euo pipefail\n…',
  previousSecretExpiresAt: LATER,
});
example(ConnectDto, { secret: SECRET });
example(ConnectAnswerDto, { token: TOKEN, accessToken: TOKEN, expiresIn: 86_400, tokenType: 'bearer', refreshToken: null, refreshExpiresIn: 0, ...configuration });
example(ConfigurationDto, { configRevision: 7, ...configuration, settings: redacted });
example(HeartbeatDto, { status: 'busy', metrics: { cpu: 12.5, memoryMb: 210 }, configRevision: 6 });
example(HeartbeatAnswerDto, { success: true, configRevision: 7 });
example(DisconnectDto, { reason: 'shutdown' });
example(PresenceHistoryDto, { data: [{ from: 'online', to: 'stale', reason: 'heartbeat_late', detail: null, at: NOW }] });
example(LoginDto, { username: 'admin@localhost', password: PASSWORD_PLACE });
example(RefreshDto, { refreshToken: 'vN2…' });
example(LogoutDto, { refreshToken: 'vN2…' });
example(ChangePasswordDto, { currentPassword: PASSWORD_PLACE, newPassword: 'a quiet long password' });
example(TokensDto, tokens);
example(ProfileDto, { _id: USER, username: 'admin@localhost', fullname: '', status: 'active', roles: ['universe.owner'], orgId: ORG });
example(JwksDto, { keys: [{ kty: 'EC', crv: 'P-256', x: '…', y: '…', kid: '…', use: 'sig', alg: 'ES256' }] });
example(CreateOrganizationDto, { name: 'acme', description: 'The Acme team' });
example(UpdateOrganizationDto, { description: 'The Acme team' });
example(OrganizationDto, { _id: ORG, name: 'acme', description: 'The Acme team', createdAt: EARLIER, updatedAt: NOW });
example(CreateUserDto, { username: 'ann@example.org', password: 'a quiet long password', roles: ['organization.editor'], fullname: 'Ann Example' });
example(UpdateUserDto, { roles: ['organization.viewer'] });
example(UserDto, { _id: USER, username: 'ann@example.org', fullname: 'Ann Example', status: 'active', roles: ['organization.editor'], ...kept });
example(CreateApiKeyDto, { name: 'ci', scopes: ['agents:read'], limits: { requestsPerMinute: 600 }, expiresAt: null });
example(UpdateApiKeyDto, { scopes: ['agents:read', 'agents:write'] });
example(ApiKeyDto, { ...key, lastUsedAt: NOW, createdAt: EARLIER });
example(CreatedApiKeyDto, { ...key, key: 'afk_1a2b3c4d…', createdAt: EARLIER });
example(RotateApiKeyDto, { overlapSeconds: 3600 });
example(RotatedApiKeyDto, { _id: KEY, key: 'afk_5e6f7a8b…', prefix: 'afk_5e6f7a8b', previousValidUntil: LATER });
example(AuditRecordDto, {
  _id: '66b1f00dcafe4a7c9f1d3e48',
  at: NOW,
  actor: { kind: 'user', id: USER, name: 'admin@localhost' },
  orgId: ORG,
  action: 'agent.update',
  target: { type: 'agent', id: AGENT, name: 'My Agent' },
  fields: ['settings'],
  correlationId: 'b6f1c2d4',
  sourceAddress: '192.0.2.7',
});
example(DeletedDto, { _id: AGENT, deletedAt: NOW, message: 'The agent was deleted' });
example(SuccessDto, { success: true });
example(HealthDto, { status: 'ok', info: { version: '1.0.0', gitCommit: '…', uptime: 3600, environment: 'production' }, details: { database: { status: 'up' }, redis: { status: 'up' } } });

export function exampleOf(type: Type): object {
  const found = examples.get(type);
  if (!found) throw new Error(`${type.name} has no example for the API's description`);
  return found;
}

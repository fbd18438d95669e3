import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  AiwmAgentCreate,
  AiwmAgentUpdate,
  AiwmApiKeyCreate,
  AiwmApiKeyRotateBody,
  AiwmConfiguration,
  AiwmConnectAnswer,
  AiwmDisconnectBody,
  AiwmError,
  AiwmHeartbeatAnswer,
  AiwmHeartbeatBody,
  AiwmInstructionCreate,
  AiwmLoginBody,
  AiwmLogoutBody,
  AiwmNodeCreate,
  AiwmOrganizationCreate,
  AiwmRegenerateBody,
  AiwmRegenerated,
  AiwmStatistics,
  AiwmToolCreate,
  AiwmUserCreate,
  ApiKeyLimits,
} from '@agentfleet/contracts';

const document: { components: { schemas: Record<string, { readonly properties?: object }> } } = JSON.parse(
  readFileSync(join(__dirname, '../../../../openapi/aiwm.json'), 'utf8'),
);

/** All fields of a wire type, by its own names; another name does not compile. */
const fields = <Wire>(names: { readonly [Name in keyof Required<Wire>]: 1 }) => Object.keys(names).sort();

const delivered = { instruction: 1, tools: 1, agent: 1, settings: 1, mcpServers: 1 } as const;
const instruction = fields<AiwmInstructionCreate>({ name: 1, systemPrompt: 1, description: 1, guidelines: 1, tags: 1, status: 1 });
const mcp = { transport: 1, endpoint: 1, dockerImage: 1, port: 1 } as const;
const tool = fields<AiwmToolCreate>({ name: 1, type: 1, description: 1, category: 1, schema: 1, status: 1, scope: 1, tags: 1, ...mcp, environment: 1, healthEndpoint: 1 });
const node = fields<AiwmNodeCreate>({ name: 1, role: 1, isLocal: 1, vpnIp: 1, status: 1, specs: 1, location: 1 });
const agent = { name: 1, description: 1, status: 1, type: 1, instructionId: 1, nodeId: 1, allowedToolIds: 1, tags: 1, settings: 1 } as const;
const user = fields<AiwmUserCreate>({ username: 1, password: 1, roles: 1, status: 1, fullname: 1 });
const organization = fields<AiwmOrganizationCreate>({ name: 1, description: 1 });
const key = fields<AiwmApiKeyCreate>({ name: 1, scopes: 1, expiresAt: 1, limits: 1 });
const where = { timestamp: 1, path: 1, correlationId: 1 } as const;

/** `implements` lets an optional field go by another name; these have some. */
test.each([
  ['CreateInstructionDto', instruction],
  ['UpdateInstructionDto', instruction],
  ['CreateToolDto', tool],
  ['UpdateToolDto', tool],
  ['CreateNodeDto', node],
  ['UpdateNodeDto', node],
  ['CreateAgentDto', fields<AiwmAgentCreate>({ ...agent, secret: 1 })],
  ['UpdateAgentDto', [...fields<AiwmAgentUpdate>(agent), 'secret'].sort()], // there to be refused with what to do instead
  ['CreateUserDto', user],
  ['UpdateUserDto', user],
  ['CreateOrganizationDto', organization],
  ['UpdateOrganizationDto', organization],
  ['CreateApiKeyDto', key],
  ['UpdateApiKeyDto', key],
  ['ApiKeyLimitsDto', fields<ApiKeyLimits>({ requestsPerMinute: 1, maxConnections: 1, connectsPerMinute: 1 })],
  ['RotateApiKeyDto', fields<AiwmApiKeyRotateBody>({ overlapSeconds: 1 })],
  ['LoginDto', fields<AiwmLoginBody>({ username: 1, email: 1, password: 1 })],
  ['LogoutDto', fields<AiwmLogoutBody>({ refreshToken: 1 })],
  ['RegenerateDto', fields<AiwmRegenerateBody>({ overlapSeconds: 1 })],
  ['RegeneratedDto', fields<AiwmRegenerated>({ agentId: 1, secret: 1, envConfig: 1, installScript: 1, previousSecretExpiresAt: 1 })],
  ['ConfigurationDto', fields<AiwmConfiguration>({ configRevision: 1, ...delivered })],
  ['ConnectAnswerDto', fields<AiwmConnectAnswer>({ token: 1, accessToken: 1, expiresIn: 1, tokenType: 1, refreshToken: 1, refreshExpiresIn: 1, ...delivered })],
  ['HeartbeatDto', fields<AiwmHeartbeatBody>({ status: 1, metrics: 1, configRevision: 1 })],
  ['HeartbeatAnswerDto', fields<AiwmHeartbeatAnswer>({ success: 1, configRevision: 1 })],
  ['DisconnectDto', fields<AiwmDisconnectBody>({ reason: 1 })],
  ['StatisticsDto', fields<AiwmStatistics>({ total: 1, byStatus: 1, byType: 1, byConnectionStatus: 1 })],
  ['ErrorDto', fields<AiwmError>({ statusCode: 1, code: 1, message: 1, errors: 1, error_id: 1, ...where })],
])('%s is described with exactly the fields of the wire', (name, expected) => {
  expect(Object.keys(document.components.schemas[name]?.properties ?? {}).sort()).toEqual(expected);
});

import {
  CLUSTER_AGENT_BASE,
  CLUSTER_SOCKET_PATH,
  isJsonObject,
  parseClusterHeartbeat,
  parseClusterRegistration,
  type Parsed,
  type JsonObject,
} from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import {
  CLOCK,
  CurrentCaller,
  ENV,
  Lifecycle,
  Needs,
  Public,
  REPLICA,
  validationFailed,
  type Caller,
  type Clock,
  type Replica,
} from '@agentfleet/platform';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiBody, ApiExcludeEndpoint, ApiOkResponse, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';
import { ApiBodyErrors, ApiErrors } from '../api-docs/api-errors';
import { ClusterRepository } from '../records/cluster.repository';
import type { ClusterRecord } from '../records/cluster.schema';
import { ClusterService } from './cluster.service';
import { storedObject, tunnelUrl, workspaceId } from '../records/stored-cluster';
import { publicUrl, type ClusterAgentEnv } from '../env';
import { PresenceRepository } from '../presence/presence.repository';
import { HEARTBEAT_ANSWER, HEARTBEAT_BODY, POLL_ANSWER, REGISTERED, REGISTER_BODY, TUNNEL_INFO } from './agent-examples';
import { HeartbeatAnswerDto, HeartbeatDto, PollAnswerDto, RegisterClusterDto, RegisteredClusterDto, TunnelInfoDto } from './agent.dto';
import { HEARTBEAT_INTERVAL_SECONDS } from './cluster.gateway';
import { parsePollQuery } from './poll-query';

const CLUSTER_ID = { name: 'cluster_id', type: String, format: 'uuid', description: 'As `register` answered it' } as const;

/** HTTP for older agents: the same validation and the same service as the socket. */
@ApiTags('agents')
@Controller(CLUSTER_AGENT_BASE)
export class AgentController {
  private readonly draining = new AbortController();

  constructor(
    private readonly service: ClusterService,
    private readonly repository: ClusterRepository,
    private readonly presence: PresenceRepository,
    @Inject(ENV) private readonly env: ClusterAgentEnv,
    @Inject(REPLICA) private readonly replica: Replica,
    @Inject(CLOCK) private readonly clock: Clock,
    lifecycle: Lifecycle,
  ) {
    lifecycle.onDrain('end long polls', () => this.draining.abort());
  }

  /** The socket's path without an upgrade. */
  @Get('ws')
  @Public()
  @ApiExcludeEndpoint()
  socket(): never {
    throw new AppError('upgrade_required');
  }

  /** Registers or updates a cluster; 409 when another agent has its name. */
  @Post('register')
  @HttpCode(200)
  @Needs('cluster:register')
  @ApiBody({ type: RegisterClusterDto, examples: { cluster: { value: REGISTER_BODY } } })
  @ApiOkResponse({ type: RegisteredClusterDto, example: REGISTERED })
  @ApiBodyErrors('NAME_TAKEN')
  async register(@CurrentCaller() caller: Caller, @Body() body: unknown): Promise<RegisteredClusterDto> {
    const registration = orRefuse(parseClusterRegistration(objectOf(body)));
    const { clusterId, name, agentId, registeredAt } = await this.service.registerHttp(caller.orgId, registration);
    const url = tunnelUrl(this.publicUrl, clusterId);
    const facts = { name, status: 'registered' as const, workspace_id: workspaceId(caller.orgId), registered_at: registeredAt.toISOString() };
    return {
      success: true,
      message: 'cluster registered',
      cluster_id: clusterId,
      cluster_uuid: clusterId,
      ...facts,
      tunnel_url: url,
      api_server: url,
      cluster: { id: clusterId, uuid: clusterId, agent_id: agentId, ...facts },
      data: { cluster_id: clusterId, status: facts.status, tunnel_url: url, registered_at: facts.registered_at },
    };
  }

  /** A sign of life, with whatever the agent reports. */
  @Post(':cluster_id/heartbeat')
  @HttpCode(200)
  @Needs('cluster:register')
  @ApiParam(CLUSTER_ID)
  @ApiBody({ type: HeartbeatDto, examples: { healthy: { value: HEARTBEAT_BODY } } })
  @ApiOkResponse({ type: HeartbeatAnswerDto, example: HEARTBEAT_ANSWER })
  @ApiBodyErrors('CLUSTER_NOT_FOUND')
  async heartbeat(@CurrentCaller() caller: Caller, @Param('cluster_id') clusterId: string, @Body() body: unknown): Promise<HeartbeatAnswerDto> {
    const record = await this.find(caller, clusterId);
    await this.service.heartbeatHttp(caller.orgId, record._id, orRefuse(parseClusterHeartbeat(objectOf(body))));
    return { success: true, cluster_id: record._id, received_at: new Date(this.clock.now()).toISOString() };
  }

  /** Commands for the agent; waits up to `wait_seconds` for some. */
  @Get(':cluster_id/poll')
  @Needs('cluster:register')
  @ApiParam(CLUSTER_ID)
  @ApiQuery({ name: 'wait_seconds', required: false, schema: { type: 'integer', minimum: 0, maximum: 30, default: 0 } })
  @ApiQuery({ name: 'max', required: false, description: 'How many commands at most', schema: { type: 'integer', minimum: 1, maximum: 50, default: 10 } })
  @ApiOkResponse({ type: PollAnswerDto, example: POLL_ANSWER })
  @ApiErrors('QUERY', 'CLUSTER_NOT_FOUND')
  async poll(@CurrentCaller() caller: Caller, @Param('cluster_id') clusterId: string, @Query() query: Record<string, unknown>): Promise<PollAnswerDto> {
    const record = await this.find(caller, clusterId);
    const { waitMs } = orRefuse(parsePollQuery(query));
    await this.service.seenOverHttp(record._id, 'poll');
    await this.presence.notePoll(record._id, new Date(this.clock.now()));
    if (waitMs > 0) await this.clock.sleep(waitMs, this.draining.signal).catch(() => undefined); // ends early at shutdown
    return { commands: [], poll_interval_seconds: HEARTBEAT_INTERVAL_SECONDS, server_time: new Date(this.clock.now()).toISOString() };
  }

  /** How the cluster is reached, for agents that ask. */
  @Get(':cluster_id/tunnel-info')
  @Needs('cluster:register')
  @ApiParam(CLUSTER_ID)
  @ApiOkResponse({ type: TunnelInfoDto, example: TUNNEL_INFO })
  @ApiErrors('CLUSTER_NOT_FOUND')
  async tunnelInfo(@CurrentCaller() caller: Caller, @Param('cluster_id') clusterId: string): Promise<TunnelInfoDto> {
    const record = await this.find(caller, clusterId);
    const url = tunnelUrl(this.publicUrl, record._id);
    return {
      success: true,
      cluster_id: record._id,
      agent_id: record.agent_id,
      tunnel_url: url,
      api_server: url,
      websocket_url: `${this.publicUrl.replace(/^http/, 'ws')}${CLUSTER_SOCKET_PATH}`,
      status: record.presence.state,
      tunnel_status: record.owner_socket === null ? 'disconnected' : 'connected',
      ports: storedObject(record.tunnel_port_config) ?? {},
      forwards: [],
      poll_frequency: HEARTBEAT_INTERVAL_SECONDS,
    };
  }

  private get publicUrl(): string {
    return publicUrl(this.env, this.replica);
  }

  private async find({ orgId }: Caller, clusterId: string): Promise<ClusterRecord> {
    const record = await this.repository.find({ orgId, allOrganizations: false }, clusterId);
    if (!record) throw new AppError('cluster_not_found');
    return record;
  }
}

/** A POST without any body never reaches the JSON parser. */
function objectOf(body: unknown): JsonObject {
  if (isJsonObject(body)) return body;
  throw validationFailed([{ field: 'body', message: 'must be a JSON object' }]);
}

function orRefuse<T>(parsed: Parsed<T>): T {
  if (!parsed.ok) throw validationFailed(parsed.problems);
  return parsed.value;
}

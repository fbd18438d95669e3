import {
  CLUSTER_ANSWER_TYPES,
  CLUSTER_CLOSE,
  CLUSTER_REPLY_TYPES,
  CLUSTER_SILENT_TYPES,
  CLUSTER_SOCKET_PATH,
  clusterReply,
  isJsonObject,
  parseClusterFrame,
  type ClusterFrame,
  type ClusterRegisterSuccess,
  type ClusterReply,
  type ClusterReplyType,
  type JsonObject,
} from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { CLOCK, ENV, LiveCallers, LOG, OnFrame, REPLICA, SocketGateway, type Clock, type Log, type Replica } from '@agentfleet/platform';
import { Inject } from '@nestjs/common';
import { ClusterService, type RegisteredCluster } from './cluster.service';
import { publicUrl, type ClusterAgentEnv } from '../env';
import { tunnelUrl, workspaceId } from '../records/stored-cluster';
import { ClusterMetrics } from '../metrics';
import { explainClose, type AgentSocket } from '../bindings/agent-socket';
import { Bindings } from '../bindings/bindings';
import { ClusterSocketPolicy } from './cluster-socket.policy';

export const HEARTBEAT_INTERVAL_SECONDS = 30;
/** Of a key that lost its rights: its socket is closed within a second of the notice. */
const REVOKED_OWED_MS = 500;

/** The socket of agents: one message in, at most one answer out, in the order of arrival. */
@SocketGateway({ path: CLUSTER_SOCKET_PATH, discriminator: 'type', policy: ClusterSocketPolicy })
export class ClusterGateway {
  constructor(
    private readonly service: ClusterService,
    private readonly bindings: Bindings,
    private readonly live: LiveCallers,
    @Inject(ENV) private readonly env: ClusterAgentEnv,
    @Inject(REPLICA) private readonly replica: Replica,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
    private readonly metrics: ClusterMetrics,
  ) {}

  handleConnection(socket: AgentSocket): void {
    const { context } = socket;
    this.bindings.sockets.add(socket);
    context.live = this.live.add(context.caller, ['cluster:register'], (why) => {
      const [code, reason] = why === 'scope' ? ([CLUSTER_CLOSE.scopeRemoved, 'scope removed'] as const) : ([CLUSTER_CLOSE.keyInvalid, 'key no longer valid'] as const);
      void this.bindings.close(socket, code, reason, REVOKED_OWED_MS);
    });
    socket.on('error', (error: Error & { code?: string }) => {
      if (error.code?.startsWith('WS_ERR_')) context.protocolError = error.code;
    });
    socket.once('close', (code: number) => this.ended(socket, code));
    if (context.hint) context.ready = this.service.bindByHint(socket).finally(() => (context.ready = undefined));
    context.ready?.catch((error: unknown) => this.log.error({ err: error, socket: socket.id }, 'A socket could not be bound by its hint'));
  }

  private ended(socket: AgentSocket, code: number): void {
    const { context } = socket;
    this.bindings.sockets.delete(socket);
    context.live?.remove();
    context.ended = explainClose({
      code,
      closingWith: context.closingWith,
      protocolError: context.protocolError,
      silentMs: this.clock.monotonicMs() - socket.lastSeenAt,
      staleAfterMs: this.env.HEARTBEAT_STALE_MS,
      congested: socket.congestedSince !== undefined,
    });
    this.metrics.closes.inc({ code: context.ended.closeCode });
    if (context.binding) this.service.release(context.binding, context.ended);
  }

  @OnFrame('register')
  async register(message: JsonObject, socket: AgentSocket): Promise<ClusterReply | undefined> {
    const startedAt = this.clock.monotonicMs();
    const { frame, requestId } = parse('register', message);
    const registered = await this.service.registerSocket(socket, frame.registration);
    this.metrics.registerSeconds.observe((this.clock.monotonicMs() - startedAt) / 1000);
    this.count('register');
    return this.reply(socket, 'register_success', requestId, this.success(socket.context.caller.orgId, registered));
  }

  @OnFrame('heartbeat')
  heartbeat(message: JsonObject, socket: AgentSocket): Promise<ClusterReply | undefined> {
    return this.report('heartbeat', message, socket);
  }

  @OnFrame('status')
  status(message: JsonObject, socket: AgentSocket): Promise<ClusterReply | undefined> {
    return this.report('status', message, socket);
  }

  private async report(type: 'heartbeat' | 'status', message: JsonObject, socket: AgentSocket): Promise<ClusterReply | undefined> {
    const startedAt = this.clock.monotonicMs();
    const { frame, requestId } = parse(type, message);
    const bound = this.service.heartbeatSocket(socket, frame.heartbeat);
    if (bound) await bound;
    this.metrics.ackSeconds.observe((this.clock.monotonicMs() - startedAt) / 1000);
    this.count(type);
    return this.reply(socket, 'heartbeat_ack', requestId, { received_at: new Date(this.clock.now()).toISOString() });
  }

  @OnFrame('ping')
  ping(message: JsonObject, socket: AgentSocket): ClusterReply | undefined {
    const { requestId } = parse('ping', message);
    this.count('ping');
    return this.reply(socket, 'pong', requestId, { timestamp: new Date(this.clock.now()).toISOString() });
  }

  /** The agent does not know a type of ours: this socket is never sent it again. */
  @OnFrame('protocol_fallback')
  fallback(message: JsonObject, socket: AgentSocket): void {
    this.count('protocol_fallback');
    const payload = message['payload'];
    const unknownType = isJsonObject(payload) ? payload['unknown_type'] : undefined;
    const type = CLUSTER_REPLY_TYPES.find((ours) => ours === unknownType);
    const { binding } = socket.context;
    const unknownTypes = (socket.context.unknownTypes ??= new Set());
    if (type === undefined || type === 'error' || unknownTypes.has(type)) return; // without errors a flood of bad messages would have no end
    if (unknownTypes.size === 0) this.log.info({ socket: socket.id, cluster: binding?.clusterId, unknown_type: type }, 'An agent does not know a type of message; it is not sent any more');
    unknownTypes.add(type);
    this.metrics.unknownTypes.inc({ type });
  }

  private reply(socket: AgentSocket, type: ClusterReplyType, requestId: string | undefined, payload: object): ClusterReply | undefined {
    return socket.context.unknownTypes?.has(type) ? undefined : clusterReply(type, requestId, payload, this.clock.now());
  }

  private count(type: string): void {
    this.metrics.messages.inc({ type, result: 'ok' });
  }

  private success(orgId: string, registered: RegisteredCluster): ClusterRegisterSuccess {
    const url = tunnelUrl(publicUrl(this.env, this.replica), registered.clusterId);
    return {
      cluster_id: registered.clusterId,
      cluster_uuid: registered.clusterId,
      name: registered.name,
      status: 'registered',
      tunnel_url: url,
      api_server: url,
      registered_at: registered.registeredAt.toISOString(),
      workspace_id: workspaceId(orgId),
      heartbeat_interval_seconds: HEARTBEAT_INTERVAL_SECONDS,
      epoch: registered.epoch,
    };
  }
}

type FrameOf<T extends ClusterFrame['type']> = Extract<ClusterFrame, { readonly type: T } | { readonly type: 'heartbeat' | 'status' }>;
function parse(type: 'register', message: JsonObject): { frame: Extract<ClusterFrame, { type: 'register' }>; requestId: string | undefined };
function parse(type: 'heartbeat' | 'status', message: JsonObject): { frame: FrameOf<'heartbeat'>; requestId: string | undefined };
function parse(type: 'ping', message: JsonObject): { frame: ClusterFrame; requestId: string | undefined };
/** The checked message. @throws AppError with the text of the one `error` that answers it */
function parse(type: ClusterFrame['type'], message: JsonObject): { frame: ClusterFrame; requestId: string | undefined } {
  const result = parseClusterFrame(type, message);
  if (!result.ok) throw new AppError('validation_failed', { message: result.text });
  return result;
}

/** Types that need no answer: each gets a handler, because a type without one is answered as unknown. */
for (const type of [...CLUSTER_SILENT_TYPES, ...CLUSTER_ANSWER_TYPES]) {
  const name = `accept_${type}`;
  const descriptor: PropertyDescriptor = { value: () => undefined, writable: true, configurable: true, enumerable: false };
  Object.defineProperty(ClusterGateway.prototype, name, descriptor);
  OnFrame(type)(ClusterGateway.prototype, name, descriptor);
}

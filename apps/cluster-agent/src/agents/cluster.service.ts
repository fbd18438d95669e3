import type { ClusterHeartbeat, ClusterRegistration } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { asAppError, Bus, CLOCK, FieldCipher, REPLICA, type Clock, type Replica } from '@agentfleet/platform';
import { Deadline, retry } from '@agentfleet/resilience';
import { Inject, Injectable } from '@nestjs/common';
import type { AgentSocket, Binding, SocketEnd } from '../bindings/agent-socket';
import { Bindings } from '../bindings/bindings';
import { ClusterChanges } from '../presence/cluster-changes';
import { HeartbeatWriter } from '../presence/heartbeat-writer';
import { ClusterRepository, type Registered } from '../records/cluster.repository';

/** Existing agents wait 30 s for the answer to `register`, then exit; MongoDB may need a part of that to come back. */
const REGISTER_WAIT_MS = 20_000;
const REGISTER_RETRY = { baseMs: 250, maxMs: 2000, maxAttempts: 100, retryAfterMaxMs: 0 };
const SERVICE_TOKEN_CONTEXT = 'clusters.service_token';

export interface RegisteredCluster extends Registered {
  readonly name: string;
  readonly agentId: string;
}

interface Via {
  readonly reason: 'registered' | 'heartbeat';
  readonly created: boolean;
  readonly renamedFrom: string | null;
}

const mismatch = () => new AppError('validation_failed', { message: 'agent_id does not match the cluster', problems: [{ field: 'agent_id', message: 'does not match the cluster' }] });

/** What agents do, over their socket and over HTTP. `Binding` says which cluster a socket speaks for. */
@Injectable()
export class ClusterService {
  constructor(
    private readonly repository: ClusterRepository,
    private readonly changes: ClusterChanges,
    private readonly writer: HeartbeatWriter,
    private readonly bindings: Bindings,
    private readonly bus: Bus,
    private readonly cipher: FieldCipher,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(REPLICA) private readonly replica: Replica,
  ) {}

  /** `register` on a socket: durable record, then binding. While MongoDB is away it waits up to 20 s. */
  async registerSocket(socket: AgentSocket, registration: ClusterRegistration): Promise<RegisteredCluster & { readonly epoch: number }> {
    await socket.context.ready;
    const deadline = this.registerDeadline();
    const registered = await this.whileStorageIsAway(deadline, () => this.register(socket.context.caller.orgId, registration));
    const { binding } = socket.context;
    if (binding && !binding.ended && binding.clusterId === registered.clusterId) {
      if (registered.renamedFrom !== null) await this.changes.apply(registered.clusterId, { kind: 'http_seen', reason: 'registered', ...registered });
      return { ...registered, epoch: binding.epoch };
    }
    const bound = await this.whileStorageIsAway(deadline, () => this.bind(socket, registered, { reason: 'registered', ...registered }));
    return { ...registered, epoch: bound.epoch };
  }

  /** `heartbeat` or `status` on a socket. @throws AppError with a text for the agent */
  async heartbeatSocket(socket: AgentSocket, heartbeat: ClusterHeartbeat): Promise<void> {
    if (socket.context.ready) await socket.context.ready;
    let { binding } = socket.context;
    if (heartbeat.clusterId === undefined || heartbeat.clusterId === binding?.clusterId) {
      if (!binding) throw new AppError('validation_failed', { message: 'cluster not registered: send register first' });
      if (heartbeat.agentId !== undefined && heartbeat.agentId !== binding.agentId) throw mismatch();
    } else {
      binding = await this.bindByHeartbeat(socket, heartbeat.clusterId, heartbeat.agentId);
    }
    if (!binding.ended) this.writer.note(binding.clusterId, binding.epoch, heartbeat);
  }

  private async bindByHeartbeat(socket: AgentSocket, clusterId: string, agentId: string | undefined): Promise<Binding> {
    const identity = await this.repository.identityOf(socket.context.caller.orgId, clusterId);
    if (!identity) throw new AppError('cluster_not_found');
    if (agentId !== undefined && agentId !== identity.agentId) throw mismatch();
    const via = { reason: 'heartbeat', created: false, renamedFrom: null } as const;
    return this.bind(socket, { clusterId, agentId: identity.agentId }, via);
  }

  /** Hints of the upgrade: a fitting one binds at once, any other leaves the socket unbound. */
  async bindByHint(socket: AgentSocket): Promise<void> {
    const { hint } = socket.context;
    if (!hint) return;
    try {
      await this.bindByHeartbeat(socket, hint.clusterId, hint.agentId);
    } catch (error) {
      if (asAppError(error) === undefined) throw error;
    }
  }

  private async bind(socket: AgentSocket, cluster: { clusterId: string; agentId: string }, via: Via): Promise<Binding> {
    const { context } = socket;
    const connection = { connected_at: new Date(this.clock.now()), remote_address: context.remoteAddress, key_id: context.caller.id };
    const change = { kind: 'bind', via: via.reason, replicaId: this.replica.id, socketId: socket.id, connection, created: via.created, renamedFrom: via.renamedFrom } as const;
    const outcome = await this.changes.apply(cluster.clusterId, change);
    if (outcome.kind === 'missing') throw new AppError('cluster_not_found'); // deleted meanwhile
    const former = context.binding;
    const { epoch } = outcome.state;
    const binding: Binding = { ...cluster, orgId: context.caller.orgId, epoch, socket, connection, presence: 'online', ended: false };
    context.binding = binding;
    this.writer.forget(cluster.clusterId);
    this.bindings.add(binding);
    if (former && !former.ended && former.clusterId !== cluster.clusterId) this.release(former, { reason: 'rebound', closeCode: 0, forGood: true });
    if (context.ended) this.release(binding, context.ended); // it went while we wrote
    return binding;
  }

  /** The socket of a binding is gone, or speaks for another cluster now. */
  release(binding: Binding, end: SocketEnd): void {
    if (binding.ended) return;
    this.bindings.remove(binding);
    const closeCode = end.closeCode === 0 ? null : end.closeCode;
    const change = { kind: 'lost', epoch: binding.epoch, reason: end.reason, closeCode, forGood: end.forGood } as const;
    this.changes.applyEventually(binding.clusterId, change).catch(() => undefined); // shutting down: the reconciler sees it
  }

  /** `POST /register` */
  async registerHttp(orgId: string, registration: ClusterRegistration): Promise<RegisteredCluster> {
    const registered = await this.register(orgId, registration);
    await this.changes.apply(registered.clusterId, { kind: 'http_seen', reason: 'registered', ...registered });
    return registered;
  }

  /** `POST /{id}/heartbeat` */
  async heartbeatHttp(orgId: string, clusterId: string, heartbeat: ClusterHeartbeat): Promise<void> {
    const record = await this.repository.find({ orgId, allOrganizations: false }, clusterId);
    if (!record) throw new AppError('cluster_not_found');
    if (heartbeat.agentId !== undefined && heartbeat.agentId !== record.agent_id) throw mismatch();
    if (record.presence.state !== 'online') await this.seenOverHttp(clusterId, 'heartbeat');
    this.writer.note(clusterId, null, heartbeat);
  }

  /** A request without a report (poll). */
  async seenOverHttp(clusterId: string, reason: 'heartbeat' | 'poll'): Promise<void> {
    await this.changes.apply(clusterId, { kind: 'http_seen', reason, created: false, renamedFrom: null });
  }

  private async register(orgId: string, registration: ClusterRegistration): Promise<RegisteredCluster> {
    const now = new Date(this.clock.now());
    const { serviceToken } = registration;
    const encrypted = serviceToken === undefined ? undefined : this.cipher.encrypt(serviceToken, SERVICE_TOKEN_CONTEXT);
    const registered = await this.repository.register(orgId, registration, encrypted, now);
    if (registered === 'name_taken') throw new AppError('name_taken');
    const { agentId, name, description } = registration;
    this.bus.notify('cluster.registered', {
      orgId,
      clusterId: registered.clusterId,
      agentId,
      name,
      k8sVersion: description.k8s_version ?? null,
      hostname: description.hostname ?? null,
      agentVersion: description.agent_version ?? null,
      serverIp: description.server_ip ?? null,
      region: description.region ?? null,
      cloudProvider: description.cloud_provider ?? null,
      serverSpecs: description.server_specs ?? null,
      labels: Object.fromEntries((description.labels ?? []).map((label) => [label.name, label.value])),
      created: registered.created,
      at: now.toISOString(),
    });
    return { ...registered, agentId, name };
  }

  private registerDeadline(): Deadline {
    return Deadline.after(REGISTER_WAIT_MS, this.clock);
  }

  private async whileStorageIsAway<T>(deadline: Deadline, work: () => Promise<T>): Promise<T> {
    const result = await retry<T, unknown>(
      async () => {
        try {
          return { kind: 'done', value: await work() };
        } catch (error) {
          return { kind: 'failed', failure: error, retryable: asAppError(error)?.code === 'storage_unavailable', retryAfterMs: null };
        }
      },
      { settings: REGISTER_RETRY, deadline, clock: this.clock },
    );
    if (result.kind === 'failed') throw result.failure;
    return result.value;
  }
}

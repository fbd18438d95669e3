import type { ClusterHeartbeat, ClusterRegistration } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { asAppError, CLOCK, FieldCipher, REPLICA, type Clock, type Replica } from '@agentfleet/platform';
import { Deadline, retry } from '@agentfleet/resilience';
import { Inject, Injectable } from '@nestjs/common';
import type { AgentSocket, Binding, SocketEnd } from '../bindings/agent-socket';
import { Bindings } from '../bindings/bindings';
import type { BindingChange } from '../presence/change';
import type { ChangeOutcome, OwnedCluster } from '../presence/change-group';
import { ClusterChanges } from '../presence/cluster-changes';
import { HeartbeatWriter } from '../presence/heartbeat-writer';
import { ClusterRepository } from '../records/cluster.repository';
import { storedRegistration } from '../records/stored-registration';

/** Existing agents wait 30 s for the answer to `register`, then exit; MongoDB may need a part of that to come back. */
const REGISTER_WAIT_MS = 20_000;
const REGISTER_RETRY = { baseMs: 250, maxMs: 2000, maxAttempts: 100, retryAfterMaxMs: 0 };
const SERVICE_TOKEN_CONTEXT = 'clusters.service_token';

export interface RegisteredCluster {
  readonly clusterId: string;
  readonly agentId: string;
  readonly name: string;
  readonly registeredAt: Date;
  readonly epoch: number;
}

type BoundOutcome = Extract<ChangeOutcome, { cluster: OwnedCluster }>;

const mismatch = () => new AppError('validation_failed', { message: 'agent_id does not match the cluster', problems: [{ field: 'agent_id', message: 'does not match the cluster' }] });

/** @throws AppError why there is none that could be changed */
function clusterIn(outcome: ChangeOutcome): BoundOutcome {
  switch (outcome.kind) {
    case 'missing':
      throw new AppError('cluster_not_found');
    case 'other_agent':
      throw mismatch();
    case 'name_taken':
      throw new AppError('name_taken');
    default:
      return outcome;
  }
}

const registeredCluster = ({ _id, agent_id, name, registered_at, epoch }: OwnedCluster): RegisteredCluster => ({
  clusterId: _id,
  agentId: agent_id,
  name,
  registeredAt: registered_at,
  epoch,
});

/** What agents do, over their socket and over HTTP. `Binding` says which cluster a socket speaks for. */
@Injectable()
export class ClusterService {
  constructor(
    private readonly repository: ClusterRepository,
    private readonly changes: ClusterChanges,
    private readonly writer: HeartbeatWriter,
    private readonly bindings: Bindings,
    private readonly cipher: FieldCipher,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(REPLICA) private readonly replica: Replica,
  ) {}

  /** `register` on a socket: record and binding, durable together. While MongoDB is away it waits up to 20 s. */
  async registerSocket(socket: AgentSocket, registration: ClusterRegistration): Promise<RegisteredCluster> {
    await socket.context.ready;
    const deadline = Deadline.after(REGISTER_WAIT_MS, this.clock);
    const { cluster } = await this.whileStorageIsAway(deadline, () => this.register(socket.context.caller.orgId, registration, this.bindingOf(socket, 'registered')));
    this.bound(socket, cluster);
    return registeredCluster(cluster);
  }

  /**
   * `heartbeat` or `status` on a socket. @returns nothing when it is taken already, as most are
   * @throws AppError with a text for the agent
   */
  heartbeatSocket(socket: AgentSocket, heartbeat: ClusterHeartbeat): Promise<void> | undefined {
    const { ready, binding } = socket.context;
    if (ready) return ready.then(() => this.heartbeatSocket(socket, heartbeat));
    if (heartbeat.clusterId !== undefined && heartbeat.clusterId !== binding?.clusterId) return this.bindAndNote(socket, heartbeat.clusterId, heartbeat);
    if (!binding) throw new AppError('validation_failed', { message: 'cluster not registered: send register first' });
    if (heartbeat.agentId !== undefined && heartbeat.agentId !== binding.agentId) throw mismatch();
    this.note(binding, heartbeat);
    return undefined;
  }

  private async bindAndNote(socket: AgentSocket, clusterId: string, heartbeat: ClusterHeartbeat): Promise<void> {
    this.note(await this.bindByHeartbeat(socket, clusterId, heartbeat.agentId), heartbeat);
  }

  private note(binding: Binding, heartbeat: ClusterHeartbeat): void {
    if (!binding.ended) this.writer.note(binding.clusterId, binding.epoch, heartbeat);
  }

  private async bindByHeartbeat(socket: AgentSocket, clusterId: string, agentId: string | undefined): Promise<Binding> {
    const { orgId } = socket.context.caller;
    const outcome = await this.changes.apply({ clusterId, change: this.bindingOf(socket, 'heartbeat'), of: { orgId, agentId } });
    return this.bound(socket, clusterIn(outcome).cluster);
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

  private bindingOf(socket: AgentSocket, via: 'registered' | 'heartbeat'): BindingChange {
    const { remoteAddress, caller } = socket.context;
    const connection = { connected_at: new Date(this.clock.now()), remote_address: remoteAddress, key_id: caller.id };
    return { kind: 'bind', via, replicaId: this.replica.id, socketId: socket.id, connection };
  }

  /** What is durable now holds here, too. */
  private bound(socket: AgentSocket, { _id: clusterId, agent_id: agentId, epoch, connection }: OwnedCluster): Binding {
    const { context } = socket;
    const former = context.binding;
    if (former && !former.ended && former.clusterId === clusterId && former.epoch === epoch) return former; // said again what it is
    if (!connection) throw new Error('A cluster that was bound has a connection');
    const binding: Binding = { clusterId, agentId, orgId: context.caller.orgId, epoch, socket, connection, presence: 'online', ended: false };
    context.binding = binding;
    this.writer.forget(clusterId);
    this.bindings.add(binding);
    if (former && !former.ended && former.clusterId !== clusterId) this.release(former, { reason: 'rebound', closeCode: 0, forGood: true });
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
    const { cluster } = await this.register(orgId, registration, { kind: 'http_seen', reason: 'registered' });
    return registeredCluster(cluster);
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
    await this.changes.apply({ clusterId, change: { kind: 'http_seen', reason } });
  }

  private async register(orgId: string, registration: ClusterRegistration, change: BindingChange): Promise<BoundOutcome> {
    const { serviceToken } = registration;
    const encrypted = serviceToken === undefined ? undefined : this.cipher.encrypt(serviceToken, SERVICE_TOKEN_CONTEXT);
    return clusterIn(await this.changes.apply({ registration: storedRegistration(orgId, registration, encrypted), change }));
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

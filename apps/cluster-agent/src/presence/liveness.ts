import { CLUSTER_CLOSE } from '@agentfleet/contracts';
import { CLOCK, ENV, Lifecycle, LOG, REPLICA, Replicas, type Clock, type Log, type Replica } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import type { Binding } from '../bindings/agent-socket';
import { Bindings } from '../bindings/bindings';
import type { ClusterAgentEnv } from '../env';
import { ClusterChanges } from './cluster-changes';
import { HeartbeatWriter } from './heartbeat-writer';
import { PresenceRepository } from './presence.repository';

/** No sign of life for this many ping intervals: stale. */
const SILENT_INTERVALS = 1.5;

/** Watches this replica's own sockets, and hands its clusters back when it goes. */
@Injectable()
export class Liveness {
  constructor(
    private readonly bindings: Bindings,
    private readonly changes: ClusterChanges,
    private readonly writer: HeartbeatWriter,
    private readonly repository: PresenceRepository,
    lifecycle: Lifecycle,
    replicas: Replicas,
    @Inject(ENV) private readonly env: ClusterAgentEnv,
    @Inject(REPLICA) private readonly replica: Replica,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
  ) {
    writer.onMismatch = (ids) => void this.closeReplaced(ids);
    // the others had to take this replica for gone, and its clusters with it
    replicas.onReturn(() => {
      for (const binding of this.bindings.all()) void this.mark(binding, 'online');
    });
    lifecycle.onDrain('hand clusters back', () => this.handBack());
    lifecycle.every('silent sockets', Math.min(1000, Math.max(20, env.PING_INTERVAL_MS / 8)), () => this.sweep());
    lifecycle.every('signs of life', env.PING_INTERVAL_MS, () => this.noteSigns());
  }

  private silentMs(binding: Binding): number {
    return this.clock.monotonicMs() - binding.socket.lastSeenAt;
  }

  private sweep(): void {
    for (const binding of this.bindings.all()) {
      const isSilent = this.silentMs(binding) >= SILENT_INTERVALS * this.env.PING_INTERVAL_MS;
      // a socket that we do not read proves nothing by its silence
      if (isSilent && binding.presence === 'online' && !binding.socket.isPaused) void this.mark(binding, 'stale');
      else if (!isSilent && binding.presence === 'stale') void this.mark(binding, 'online');
    }
    const now = this.clock.monotonicMs();
    for (const socket of this.bindings.sockets) {
      const { context } = socket;
      if (context.binding === undefined && now - context.openedAt >= this.env.CLUSTER_UNBOUND_TIMEOUT_MS) {
        void this.bindings.close(socket, CLUSTER_CLOSE.stale, 'not registered in time');
      }
    }
  }

  private async mark(binding: Binding, presence: Binding['presence']): Promise<void> {
    const before = binding.presence;
    binding.presence = presence;
    const { clusterId, epoch } = binding;
    try {
      await this.changes.apply({ clusterId, change: presence === 'stale' ? { kind: 'silent', epoch } : this.recovered(binding) });
    } catch {
      if (binding.presence === presence) binding.presence = before; // MongoDB is away: the next sweep tries again
    }
  }

  private recovered(binding: Binding) {
    const { epoch, socket, connection } = binding;
    return { kind: 'recovered', epoch, replicaId: this.replica.id, socketId: socket.id, connection } as const;
  }

  /** Pongs count as being seen, too. */
  private noteSigns(): void {
    for (const binding of this.bindings.all()) {
      if (this.silentMs(binding) < this.env.PING_INTERVAL_MS) this.writer.noteSeen(binding.clusterId, binding.epoch);
    }
  }

  /** Looks whether these clusters have a newer socket somewhere, or are deleted, and closes those here. */
  async closeReplaced(clusterIds: readonly string[]): Promise<void> {
    try {
      const epochs = await this.repository.epochsOf(clusterIds);
      for (const clusterId of clusterIds) {
        const epoch = epochs.get(clusterId);
        if (epoch === undefined) this.bindings.deleted(clusterId);
        else this.bindings.supersede(clusterId, epoch);
      }
    } catch (error) {
      this.log.debug({ err: error }, 'Replaced sockets could not be looked up');
    }
  }

  /** At shutdown: stale, not lost; agents come back to another replica within seconds. */
  private async handBack(): Promise<void> {
    const all = [...this.bindings.all()];
    const lost = all.map((binding) => {
      this.bindings.remove(binding);
      const change = { kind: 'lost', epoch: binding.epoch, reason: 'server_draining', closeCode: CLUSTER_CLOSE.restart, forGood: false } as const;
      return this.changes.apply({ clusterId: binding.clusterId, change });
    });
    await Promise.allSettled(lost);
  }
}

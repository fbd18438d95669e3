import { CLUSTER_CLOSE } from '@agentfleet/contracts';
import { CLOCK, closeHard, FleetSocket, Metrics, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import type { AgentSocket, Binding } from './agent-socket';

/** A socket that keeps sending gets its answers for this long before it is closed all the same. */
const ANSWERS_OWED_MS = 2000;

/** The sockets of this replica and which cluster each speaks for. */
@Injectable()
export class Bindings {
  readonly sockets = new Set<AgentSocket>();
  private readonly byCluster = new Map<string, Binding>();

  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    metrics: Metrics,
  ) {
    const collect = (gauge: { set(labels: { bound: string }, value: number): void }) => {
      gauge.set({ bound: 'true' }, this.size);
      gauge.set({ bound: 'false' }, Math.max(0, this.sockets.size - this.size));
    };
    metrics.gauge({ name: 'cluster_sockets', help: 'Open sockets of agents on this replica', labelNames: ['bound'], collect });
  }

  get(clusterId: string): Binding | undefined {
    return this.byCluster.get(clusterId);
  }

  all(): Iterable<Binding> {
    return this.byCluster.values();
  }

  get size(): number {
    return this.byCluster.size;
  }

  get onlineCount(): number {
    let count = 0;
    for (const binding of this.byCluster.values()) if (binding.presence === 'online') count++;
    return count;
  }

  /** Notes a new binding; an older one of the cluster on this replica is replaced. */
  add(binding: Binding): void {
    const older = this.byCluster.get(binding.clusterId);
    if (older && older.epoch > binding.epoch) return this.replaced(binding);
    this.byCluster.set(binding.clusterId, binding);
    if (older && older.socket !== binding.socket) this.replaced(older);
  }

  remove(binding: Binding): void {
    binding.ended = true;
    if (this.byCluster.get(binding.clusterId) === binding) this.byCluster.delete(binding.clusterId);
  }

  /** A newer socket, here or on another replica, has the cluster. */
  supersede(clusterId: string, epoch: number): void {
    const binding = this.byCluster.get(clusterId);
    if (!binding || binding.epoch >= epoch) return;
    this.remove(binding);
    this.replaced(binding);
  }

  deleted(clusterId: string): void {
    const binding = this.byCluster.get(clusterId);
    if (!binding) return;
    this.remove(binding);
    void this.close(binding.socket, CLUSTER_CLOSE.deleted, 'cluster deleted');
  }

  private replaced(binding: Binding): void {
    binding.ended = true;
    void this.close(binding.socket, CLUSTER_CLOSE.replaced, 'replaced by a newer connection');
  }

  /** First the answers that are owed, then the close: an agent whose answer is lost would take its registration for failed. */
  async close(socket: AgentSocket, code: number, reason: string, owedMs = ANSWERS_OWED_MS): Promise<void> {
    if (socket.context.closingWith !== undefined) return;
    socket.context.closingWith = code;
    await Promise.race([socket.answered(), this.clock.sleep(owedMs)]);
    if (socket.readyState === FleetSocket.OPEN) closeHard(socket, code, reason);
  }
}

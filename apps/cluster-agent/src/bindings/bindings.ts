import { CLUSTER_CLOSE } from '@agentfleet/contracts';
import { closeHard, FleetSocket } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import type { AgentSocket, Binding } from './agent-socket';

/** A socket that keeps sending gets its answers for this long before it is closed all the same. */
const ANSWERS_OWED_MS = 2000;

/** The sockets of this replica and which cluster each speaks for. */
@Injectable()
export class Bindings {
  readonly sockets = new Set<AgentSocket>();
  private readonly byCluster = new Map<string, Binding>();

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
    this.close(binding.socket, CLUSTER_CLOSE.deleted, 'cluster deleted');
  }

  private replaced(binding: Binding): void {
    binding.ended = true;
    this.close(binding.socket, CLUSTER_CLOSE.replaced, 'replaced by a newer connection');
  }

  /** First the answers that are owed, then the close: an agent whose answer is lost would take its registration for failed. */
  close(socket: AgentSocket, code: number, reason: string): void {
    if (socket.context.closingWith !== undefined) return;
    socket.context.closingWith = code;
    const latest = performance.now() + ANSWERS_OWED_MS;
    const closeWhenIdle = () => {
      if (socket.readyState !== FleetSocket.OPEN) return;
      if (socket.isWorking() && performance.now() < latest) setTimeout(closeWhenIdle, 5);
      else closeHard(socket, code, reason);
    };
    closeWhenIdle();
  }
}

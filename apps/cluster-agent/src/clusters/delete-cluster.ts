import { AppError } from '@agentfleet/errors';
import { Changes, CLOCK, type Caller, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { Bindings } from '../bindings/bindings';
import { HeartbeatWriter } from '../presence/heartbeat-writer';
import { ClusterRepository } from '../records/cluster.repository';

/** Deletes a cluster with its events; the replica that holds its socket closes it. */
@Injectable()
export class DeleteCluster {
  constructor(
    private readonly repository: ClusterRepository,
    private readonly changes: Changes,
    private readonly bindings: Bindings,
    private readonly writer: HeartbeatWriter,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws AppError `cluster_not_found` */
  run(caller: Caller, clusterId: string): Promise<void> {
    const { orgId } = caller;
    return this.changes.run(caller, 'cluster.delete', async (transaction) => {
      const removed = await this.repository.remove(transaction, orgId, clusterId);
      if (!removed) throw new AppError('cluster_not_found');
      transaction.notify('cluster.deleted', { orgId, clusterId, at: new Date(this.clock.now()).toISOString() });
      transaction.afterCommit(() => {
        this.bindings.deleted(clusterId); // also without the bus
        this.writer.forget(clusterId);
      });
      return { value: undefined, audit: { orgId, target: { type: 'cluster', id: clusterId, name: removed.name } } };
    });
  }
}

import { CLUSTER_NOTICES, type ClusterDeletedNotice } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Audit, Bus, CLOCK, Transactions, type Caller, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { Bindings } from '../bindings/bindings';
import { HeartbeatWriter } from '../presence/heartbeat-writer';
import { ClusterRepository } from '../records/cluster.repository';

/** Deletes a cluster with its events; the replica that holds its socket closes it. */
@Injectable()
export class DeleteCluster {
  constructor(
    private readonly repository: ClusterRepository,
    private readonly transactions: Transactions,
    private readonly audit: Audit,
    private readonly bus: Bus,
    private readonly bindings: Bindings,
    private readonly writer: HeartbeatWriter,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws AppError `cluster_not_found` */
  async run(caller: Caller, clusterId: string): Promise<void> {
    await this.transactions.run(async (transaction) => {
      const removed = await this.repository.remove(transaction, caller.orgId, clusterId);
      if (!removed) throw new AppError('cluster_not_found');
      const target = { type: 'cluster', id: clusterId, name: removed.name };
      await this.audit.record(transaction, { caller, orgId: caller.orgId, action: 'cluster.delete', target });
      transaction.afterCommit(() => this.tell(caller.orgId, clusterId));
    });
  }

  private tell(orgId: string, clusterId: string): void {
    const notice: ClusterDeletedNotice = { orgId, clusterId, at: new Date(this.clock.now()).toISOString() };
    this.bus.notify(CLUSTER_NOTICES.deleted, notice);
    this.bindings.deleted(clusterId); // also without the bus
    this.writer.forget(clusterId);
  }
}

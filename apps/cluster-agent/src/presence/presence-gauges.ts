import { CLUSTER_PRESENCE_STATES } from '@agentfleet/contracts';
import { HealthChecks, Metrics } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { Bindings } from '../bindings/bindings';
import { ClusterRepository } from '../records/cluster.repository';

/** Values that are looked up at each scrape. */
@Injectable()
export class ClusterGauges {
  constructor(
    metrics: Metrics,
    bindings: Bindings,
    repository: ClusterRepository,
    health: HealthChecks,
  ) {
    metrics.gauge({
      name: 'cluster_sockets',
      help: 'Open sockets of agents on this replica',
      labelNames: ['bound'],
      collect: (gauge) => {
        gauge.set({ bound: 'true' }, bindings.size);
        gauge.set({ bound: 'false' }, Math.max(0, bindings.sockets.size - bindings.size));
      },
    });
    metrics.gauge({
      name: 'cluster_presence',
      help: 'Clusters by presence, in the whole installation',
      labelNames: ['state'],
      collect: async (gauge) => {
        if (health.checks().mongodb === 'down') return;
        const counts = await repository.countsByPresence();
        for (const state of CLUSTER_PRESENCE_STATES) gauge.set({ state }, counts.get(state) ?? 0);
      },
    });
  }
}

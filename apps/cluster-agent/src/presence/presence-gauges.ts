import { CLUSTER_PRESENCE_STATES } from '@agentfleet/contracts';
import { HealthChecks, Metrics } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { ClusterRepository } from '../records/cluster.repository';

/** How many clusters are in which state, looked up at each scrape. */
@Injectable()
export class PresenceGauges {
  constructor(metrics: Metrics, repository: ClusterRepository, health: HealthChecks) {
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

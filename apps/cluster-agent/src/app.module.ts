import { Module } from '@nestjs/common';
import { AgentController } from './agent/agent.controller';
import { Bindings } from './agent/bindings';
import { ClusterGateway } from './agent/cluster.gateway';
import { ClusterSocketPolicy } from './agent/cluster-socket.policy';
import { KeyWatch } from './agent/key-watch';
import { SocketNoticesController } from './agent/socket-notices.controller';
import { ClusterRepository } from './clusters/cluster.repository';
import { clusterCollections } from './clusters/cluster.schema';
import { ClusterService } from './clusters/cluster.service';
import { ClustersController } from './clusters/clusters.controller';
import { DeleteCluster } from './clusters/delete-cluster';
import { ClusterGauges } from './operations/cluster-gauges';
import { ClusterMetrics } from './operations/cluster-metrics';
import { HealthController } from './operations/health.controller';
import { ClusterChanges } from './presence/cluster-changes';
import { HeartbeatWriter } from './presence/heartbeat-writer';
import { Liveness } from './presence/liveness';
import { PresenceRepository } from './presence/presence.repository';
import { Reconciler } from './presence/reconciler';

@Module({
  imports: [clusterCollections],
  controllers: [AgentController, ClustersController, HealthController, SocketNoticesController],
  providers: [
    Bindings,
    ClusterChanges,
    ClusterGateway,
    ClusterGauges,
    ClusterMetrics,
    ClusterRepository,
    ClusterService,
    ClusterSocketPolicy,
    DeleteCluster,
    HeartbeatWriter,
    KeyWatch,
    Liveness,
    PresenceRepository,
    Reconciler,
  ],
})
export class AppModule {}

import { Module } from '@nestjs/common';
import { AgentController } from './agents/agent.controller';
import { Bindings } from './bindings/bindings';
import { ClusterGateway } from './agents/cluster.gateway';
import { ClusterSocketPolicy } from './agents/cluster-socket.policy';
import { KeyWatch } from './agents/key-watch';
import { SocketNoticesController } from './agents/socket-notices.controller';
import { ClusterRepository } from './records/cluster.repository';
import { clusterCollections } from './records/cluster.schema';
import { ClusterService } from './agents/cluster.service';
import { ClustersController } from './clusters/clusters.controller';
import { DeleteCluster } from './clusters/delete-cluster';
import { ClusterGauges } from './presence/presence-gauges';
import { ClusterMetrics } from './metrics';
import { HealthController } from './health/health.controller';
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

import { Module } from '@nestjs/common';
import { BindingsModule } from '../bindings/bindings.module';
import { PresenceModule } from '../presence/presence.module';
import { RecordsModule } from '../records/records.module';
import { AgentController } from './agent.controller';
import { ClusterSocketPolicy } from './cluster-socket.policy';
import { ClusterGateway } from './cluster.gateway';
import { ClusterService } from './cluster.service';
import { SocketNoticesController } from './socket-notices.controller';

@Module({
  imports: [BindingsModule, PresenceModule, RecordsModule],
  controllers: [AgentController, SocketNoticesController],
  providers: [ClusterGateway, ClusterService, ClusterSocketPolicy],
})
export class AgentsModule {}

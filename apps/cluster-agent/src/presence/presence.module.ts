import { Module } from '@nestjs/common';
import { BindingsModule } from '../bindings/bindings.module';
import { RecordsModule } from '../records/records.module';
import { ClusterChanges } from './cluster-changes';
import { HeartbeatWriter } from './heartbeat-writer';
import { Liveness } from './liveness';
import { PresenceGauges } from './presence-gauges';
import { PresenceRepository } from './presence.repository';
import { Reconciler } from './reconciler';

@Module({
  imports: [BindingsModule, RecordsModule],
  providers: [ClusterChanges, HeartbeatWriter, Liveness, PresenceGauges, PresenceRepository, Reconciler],
  exports: [ClusterChanges, HeartbeatWriter, Liveness, PresenceRepository],
})
export class PresenceModule {}

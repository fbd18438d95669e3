import { Module } from '@nestjs/common';
import { BindingsModule } from '../bindings/bindings.module';
import { PresenceModule } from '../presence/presence.module';
import { RecordsModule } from '../records/records.module';
import { ClustersController } from './clusters.controller';
import { DeleteCluster } from './delete-cluster';

@Module({ imports: [BindingsModule, PresenceModule, RecordsModule], controllers: [ClustersController], providers: [DeleteCluster] })
export class ClustersModule {}

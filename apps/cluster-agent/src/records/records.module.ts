import { Module } from '@nestjs/common';
import { ClusterRepository } from './cluster.repository';
import { clusterCollections } from './cluster.schema';

@Module({ imports: [clusterCollections], providers: [ClusterRepository], exports: [ClusterRepository] })
export class RecordsModule {}

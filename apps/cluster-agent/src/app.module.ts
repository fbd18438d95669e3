import { Module } from '@nestjs/common';
import { AgentsModule } from './agents/agents.module';
import { ClustersModule } from './clusters/clusters.module';
import { HealthModule } from './health/health.module';
import { MetricsModule } from './metrics';

@Module({ imports: [AgentsModule, ClustersModule, HealthModule, MetricsModule] })
export class AppModule {}

import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module';
import { HealthRecordsModule } from '../health-records/health-records.module';
import { HealthModule } from '../health/health.module';
import { VpsClientModule } from '../vps-client/vps-client.module';
import { Prober } from './prober';

@Module({ imports: [AgentsModule, HealthModule, HealthRecordsModule, VpsClientModule], providers: [Prober] })
export class ProbesModule {}

import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module';
import { HealthRecordsModule } from '../health-records/health-records.module';
import { VpsClientModule } from '../vps-client/vps-client.module';
import { Prober } from './prober';

@Module({ imports: [AgentsModule, HealthRecordsModule, VpsClientModule], providers: [Prober] })
export class ProbesModule {}

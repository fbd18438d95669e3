import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module';
import { SessionsModule } from '../sessions/sessions.module';
import { HealthRecordsModule } from '../health-records/health-records.module';
import { HealthController } from './health.controller';

@Module({
  imports: [AgentsModule, HealthRecordsModule, SessionsModule],
  controllers: [HealthController],
})
export class HealthModule {}

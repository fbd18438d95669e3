import { Module } from '@nestjs/common';
import { HealthRepository } from './health.repository';
import { HealthWriter } from './health-writer';
import { healthStore } from './health.schema';

@Module({
  imports: [healthStore],
  providers: [HealthRepository, HealthWriter],
  exports: [HealthRepository, HealthWriter],
})
export class HealthRecordsModule {}

import { Module } from '@nestjs/common';
import { HealthRepository } from './health.repository';
import { healthStore } from './health.schema';

@Module({
  imports: [healthStore],
  providers: [HealthRepository],
  exports: [HealthRepository],
})
export class HealthRecordsModule {}

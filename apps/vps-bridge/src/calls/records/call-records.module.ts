import { Module } from '@nestjs/common';
import { MetricsModule } from '../../metrics';
import { CallLeases } from './call-leases';
import { CallRecordsController } from './call-records.controller';
import { CallRepository } from './call.repository';
import { callStore } from './call.schema';
import { RecordWriter } from './record-writer';

@Module({
  imports: [callStore, MetricsModule],
  controllers: [CallRecordsController],
  providers: [CallLeases, CallRepository, RecordWriter],
  exports: [CallLeases, CallRepository, MetricsModule, RecordWriter],
})
export class CallRecordsModule {}

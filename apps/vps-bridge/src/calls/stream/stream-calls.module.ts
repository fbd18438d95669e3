import { Module } from '@nestjs/common';
import { VpsClientModule } from '../../vps-client/vps-client.module';
import { CallsModule } from '../calls.module';
import { CallRecordsModule } from '../records/call-records.module';
import { StreamCallsController } from './stream-calls.controller';
import { StreamCall } from './stream-call';

@Module({
  imports: [CallRecordsModule, CallsModule, VpsClientModule],
  controllers: [StreamCallsController],
  providers: [StreamCall],
})
export class StreamCallsModule {}

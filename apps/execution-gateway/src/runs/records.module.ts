import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { EventRepository } from '../events/event.repository';
import { EventSchema } from '../events/event.schema';
import { GatewayMetrics } from '../metrics';
import { MessageSchema } from './message.schema';
import { RunReader } from './run-reader.repository';
import { RunSchema } from './run.schema';

/** What everybody may read: runs and their events. */
@Module({
  imports: [
    MongooseModule.forFeature([
      { name: 'Run', schema: RunSchema },
      { name: 'RunEvent', schema: EventSchema },
      { name: 'GatewayMessage', schema: MessageSchema },
    ]),
  ],
  providers: [RunReader, EventRepository, GatewayMetrics],
  exports: [RunReader, EventRepository, GatewayMetrics],
})
export class RecordsModule {}

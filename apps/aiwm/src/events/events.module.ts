import { Module } from '@nestjs/common';
import { BusEventsController } from './bus-events.controller';
import { EventHub } from './event-hub';
import { EventsController } from './events.controller';

@Module({
  controllers: [EventsController, BusEventsController],
  providers: [EventHub],
})
export class EventsModule {}

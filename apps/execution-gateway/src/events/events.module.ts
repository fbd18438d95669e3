import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { MetricsModule } from '../metrics';
import { SessionsModule } from '../sessions/sessions.module';
import { EventBroadcast } from './event-broadcast';
import { EventRepository } from './event.repository';
import { EventSchema } from './event.schema';
import { EventsNoticesController } from './events-notices.controller';
import { EventsController, EventsV1Controller } from './events.controller';
import { SessionFeeds } from './session-feeds';
import { SessionStreams } from './session-streams';

@Module({
  imports: [MongooseModule.forFeature([{ name: 'RunEvent', schema: EventSchema }]), MetricsModule, SessionsModule],
  controllers: [EventsController, EventsV1Controller, EventsNoticesController],
  providers: [EventBroadcast, EventRepository, SessionFeeds, SessionStreams],
  exports: [EventBroadcast, EventRepository, SessionFeeds],
})
export class EventsModule {}

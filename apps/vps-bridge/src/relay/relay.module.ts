import { Module } from '@nestjs/common';
import { CallsModule } from '../calls/calls.module';
import { BusCallsController } from './bus-calls.controller';
import { InternalCallsController } from './internal-calls.controller';
import { RelayedCall } from './relayed-call';

/** What other apps and replicas ask of this one. */
@Module({ imports: [CallsModule], controllers: [BusCallsController, InternalCallsController], providers: [RelayedCall] })
export class RelayModule {}

import { Module, type DynamicModule, type Provider, type Type } from '@nestjs/common';
import { getConnectionToken } from '@nestjs/mongoose';
import { Audit } from './audit';
import { Bus } from './bus/bus';
import { Changes } from './changes';
import { EventStreams } from './http/event-streams';
import { HealthChecks, OperationsController } from './http/operations.controller';
import { FieldCipher } from './identity/field-cipher';
import { Identity } from './identity/identity';
import { IdentityStore } from './identity/identity-store';
import { RevocationController } from './live/revocation.controller';
import { TokenVerifier } from './identity/token-verifier';
import { InternalClient } from './internal/internal-client';
import { InternalRoutes } from './internal/internal-routes';
import { Leases } from './leases';
import { Lifecycle } from './lifecycle';
import { LiveCallers } from './live/live-callers';
import { Transactions } from './mongo/transactions';
import { CLOCK, systemClock } from './observe/clock';
import { LOG } from './observe/log';
import { Metrics } from './observe/metrics';
import { ENV, REPLICA } from './replica';
import { Replicas } from './replicas';
import type { Services } from './services';

/** The app's module below the platform's services, which every provider may inject. */
@Module({})
export class PlatformModule {
  static around(appModule: Type, services: Services): DynamicModule {
    const providers: Provider[] = [
      { provide: ENV, useValue: services.env },
      { provide: REPLICA, useValue: services.replica },
      { provide: LOG, useValue: services.log },
      { provide: CLOCK, useValue: systemClock },
      { provide: Metrics, useValue: services.metrics },
      { provide: Lifecycle, useValue: services.lifecycle },
      { provide: Transactions, useValue: services.transactions },
      { provide: Audit, useValue: services.audit },
      { provide: Changes, useValue: services.changes },
      { provide: FieldCipher, useValue: services.cipher },
      { provide: Bus, useValue: services.bus },
      { provide: Leases, useValue: services.leases },
      { provide: Replicas, useValue: services.replicas },
      { provide: EventStreams, useValue: services.eventStreams },
      { provide: Identity, useValue: services.identity },
      { provide: LiveCallers, useValue: services.live },
      { provide: IdentityStore, useValue: services.identityStore },
      { provide: TokenVerifier, useValue: services.tokens },
      InternalClient,
      InternalRoutes,
      { provide: HealthChecks, useValue: services.health },
      { provide: getConnectionToken(), useValue: services.database.connection },
    ];
    return {
      module: PlatformModule,
      global: true,
      imports: [appModule],
      controllers: [OperationsController, RevocationController],
      providers,
      exports: providers,
    };
  }
}

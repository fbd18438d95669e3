import { ENV } from '@agentfleet/platform';
import { Module } from '@nestjs/common';
import type { VpsBridgeEnv } from '../env';
import { AddressPolicy } from './address-policy';

@Module({
  providers: [
    {
      provide: AddressPolicy,
      inject: [ENV],
      useFactory: (env: VpsBridgeEnv) => new AddressPolicy({ allowLoopback: env.VPS_ALLOW_LOOPBACK, denyCidrs: env.VPS_DENY_CIDRS }),
    },
  ],
  exports: [AddressPolicy],
})
export class AddressesModule {}

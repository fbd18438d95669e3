import { AddressPolicy, ENV } from '@agentfleet/platform';
import { Module } from '@nestjs/common';
import type { VpsBridgeEnv } from '../env';
import { VpsClient } from './vps-client';

/** HTTP to agents, and which of their addresses may be dialled (contract section 8). */
@Module({
  providers: [
    VpsClient,
    {
      provide: AddressPolicy,
      inject: [ENV],
      useFactory: (env: VpsBridgeEnv) => new AddressPolicy({ allowLoopback: env.VPS_ALLOW_LOOPBACK, denyCidrs: env.VPS_DENY_CIDRS }),
    },
  ],
  exports: [AddressPolicy, VpsClient],
})
export class VpsClientModule {}

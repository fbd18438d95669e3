import { Module } from '@nestjs/common';
import { AddressesModule } from '../addresses/addresses.module';
import { VpsClient } from './vps-client';

@Module({ imports: [AddressesModule], providers: [VpsClient], exports: [VpsClient] })
export class VpsClientModule {}

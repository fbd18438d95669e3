import { Module } from '@nestjs/common';
import { Bindings } from './bindings';

@Module({ providers: [Bindings], exports: [Bindings] })
export class BindingsModule {}

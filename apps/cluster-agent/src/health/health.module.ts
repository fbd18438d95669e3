import { Module } from '@nestjs/common';
import { BindingsModule } from '../bindings/bindings.module';
import { HealthController } from './health.controller';

@Module({ imports: [BindingsModule], controllers: [HealthController] })
export class HealthModule {}

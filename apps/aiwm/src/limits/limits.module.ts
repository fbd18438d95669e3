import { Module } from '@nestjs/common';
import { FailureGuard } from './failure-guard';
import { Sources } from './sources';

@Module({
  providers: [FailureGuard, Sources],
  exports: [FailureGuard, Sources],
})
export class LimitsModule {}

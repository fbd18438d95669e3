import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { IdempotencyRepository } from './idempotency.repository';
import { IDEMPOTENCY_KEYS, idempotencySchema } from './idempotency.schema';

@Module({
  imports: [MongooseModule.forFeature([{ name: IDEMPOTENCY_KEYS, schema: idempotencySchema }])],
  providers: [IdempotencyRepository],
  exports: [IdempotencyRepository],
})
export class IdempotencyModule {}

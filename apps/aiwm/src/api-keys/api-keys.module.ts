import { IdempotencyModule } from '@agentfleet/platform';
import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { ApiKeyRepository } from './api-key.repository';
import { API_KEYS, apiKeySchema } from './api-key.schema';
import { ApiKeysController } from './api-keys.controller';
import { ApiKeysService } from './api-keys.service';

@Module({
  imports: [MongooseModule.forFeature([{ name: API_KEYS, schema: apiKeySchema }]), IdempotencyModule],
  controllers: [ApiKeysController],
  providers: [ApiKeyRepository, ApiKeysService],
})
export class ApiKeysModule {}

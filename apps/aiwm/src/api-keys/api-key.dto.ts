import {
  API_KEY_SCOPES,
  timeOf,
  type AiwmApiKey,
  type AiwmApiKeyCreate,
  type AiwmApiKeyRotateBody,
  type AiwmApiKeyUpdate,
  type AiwmCreatedApiKey,
  type AiwmRotatedApiKey,
  type ApiKeyLimits,
} from '@agentfleet/contracts';
import { Nested, systemClock } from '@agentfleet/platform';
import { ApiProperty, PartialType } from '@nestjs/swagger';
import type { Documented } from '../api/documented';
import { EXAMPLE, example } from '../api/examples';
import { Check, Optional, Text, TextList, WholeNumber } from '../api/validation';

const isFutureTime = (value: unknown) => {
  const time = timeOf(value);
  return value === null || (time !== undefined && time.getTime() > systemClock.now());
};

export class ApiKeyLimitsDto implements ApiKeyLimits {
  @Optional() @WholeNumber(1, 10_000_000)
  requestsPerMinute?: number;

  @Optional() @WholeNumber(1, 10_000_000)
  maxConnections?: number;

  @Optional() @WholeNumber(1, 10_000_000)
  connectsPerMinute?: number;
}

export class CreateApiKeyDto implements Documented<AiwmApiKeyCreate> {
  @Text({ min: 1, max: 200, controlCharacters: false, example: 'ci' })
  name!: string;

  @TextList({ minItems: 1, maxItems: API_KEY_SCOPES.length, maxLength: 40, values: API_KEY_SCOPES })
  scopes!: string[];

  @Optional() @Check('futureTime', 'must be a time in the future, ISO 8601 with a zone, or null', isFutureTime)
  @ApiProperty({ type: String, format: 'date-time', nullable: true, required: false })
  expiresAt?: string | null;

  @Optional() @Check('object', 'must be an object', (value) => typeof value === 'object' && value !== null && !Array.isArray(value))
  @Nested(ApiKeyLimitsDto)
  limits?: ApiKeyLimitsDto;
}

export class UpdateApiKeyDto extends PartialType(CreateApiKeyDto, { skipNullProperties: false }) implements Documented<AiwmApiKeyUpdate> {}

export class RotateApiKeyDto implements AiwmApiKeyRotateBody {
  @Optional() @WholeNumber(0, 604_800)
  overlapSeconds?: number;
}

export class ApiKeyDto implements Documented<AiwmApiKey> {
  _id!: string;
  name!: string;
  /** First characters, to recognise a key by. */
  prefix!: string;
  scopes!: string[];
  limits!: ApiKeyLimitsDto;
  @ApiProperty({ type: String, nullable: true })
  expiresAt!: string | null;
  @ApiProperty({ type: String, nullable: true })
  lastUsedAt!: string | null;
  createdAt!: string;
}

export class CreatedApiKeyDto implements Documented<AiwmCreatedApiKey> {
  _id!: string;
  name!: string;
  /** `afk_…`; shown only here. */
  key!: string;
  prefix!: string;
  scopes!: string[];
  limits!: ApiKeyLimitsDto;
  @ApiProperty({ type: String, nullable: true })
  expiresAt!: string | null;
  createdAt!: string;
}

export class RotatedApiKeyDto implements AiwmRotatedApiKey {
  _id!: string;
  key!: string;
  prefix!: string;
  @ApiProperty({ type: String, nullable: true })
  previousValidUntil!: string | null;
}

const key = { _id: EXAMPLE.KEY, name: 'ci', prefix: 'afk_1a2b3c4d', scopes: ['agents:read'], limits: { requestsPerMinute: 600 }, expiresAt: null };
example(CreateApiKeyDto, { name: 'ci', scopes: ['agents:read'], limits: { requestsPerMinute: 600 }, expiresAt: null });
example(UpdateApiKeyDto, { scopes: ['agents:read', 'agents:write'] });
example(ApiKeyDto, { ...key, lastUsedAt: EXAMPLE.NOW, createdAt: EXAMPLE.EARLIER });
example(CreatedApiKeyDto, { ...key, key: 'afk_1a2b3c4d…', createdAt: EXAMPLE.EARLIER });
example(RotateApiKeyDto, { overlapSeconds: 3600 });
example(RotatedApiKeyDto, { _id: EXAMPLE.KEY, key: 'afk_5e6f7a8b…', prefix: 'afk_5e6f7a8b', previousValidUntil: EXAMPLE.LATER });

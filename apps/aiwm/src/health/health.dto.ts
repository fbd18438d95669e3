import type { AiwmDependency, AiwmHealth, AiwmHealthDetails, AiwmHealthInfo } from '@agentfleet/contracts';
import { ApiProperty } from '@nestjs/swagger';
import { example } from '../api/examples';

class HealthInfoDto implements AiwmHealthInfo {
  version!: string;
  gitCommit!: string;
  /** Seconds since the start. */
  uptime!: number;
  environment!: string;
}
class DependencyDto implements AiwmDependency {
  @ApiProperty({ enum: ['up', 'down'] })
  status!: 'up' | 'down';
}
class HealthDetailsDto implements AiwmHealthDetails {
  database!: DependencyDto;
  redis!: DependencyDto;
}
export class HealthDto implements AiwmHealth {
  @ApiProperty({ enum: ['ok', 'degraded', 'down'] })
  status!: 'ok' | 'degraded' | 'down';
  info!: HealthInfoDto;
  details!: HealthDetailsDto;
}

example(HealthDto, { status: 'ok', info: { version: '1.0.0', gitCommit: '…', uptime: 3600, environment: 'production' }, details: { database: { status: 'up' }, redis: { status: 'up' } } });

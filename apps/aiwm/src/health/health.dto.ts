import type { AiwmDependency, AiwmHealth, AiwmHealthDetails, AiwmHealthInfo } from '@agentfleet/contracts';
import { ApiProperty } from '@nestjs/swagger';

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

import { ApiProperty } from '@nestjs/swagger';

class HealthInfoDto {
  version!: string;
  gitCommit!: string;
  /** Seconds since the start. */
  uptime!: number;
  environment!: string;
}
class DependencyDto {
  @ApiProperty({ enum: ['up', 'down'] })
  status!: 'up' | 'down';
}
class HealthDetailsDto {
  database!: DependencyDto;
  redis!: DependencyDto;
}
export class HealthDto {
  @ApiProperty({ enum: ['ok', 'degraded', 'down'] })
  status!: 'ok' | 'degraded' | 'down';
  info!: HealthInfoDto;
  details!: HealthDetailsDto;
}

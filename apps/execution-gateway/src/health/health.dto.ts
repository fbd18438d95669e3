import type { GatewayHealth } from '@agentfleet/contracts';
import { ApiProperty } from '@nestjs/swagger';

export class HealthDto implements GatewayHealth {
  @ApiProperty({ enum: ['healthy', 'unhealthy'] }) status!: GatewayHealth['status'];
  @ApiProperty({ type: String }) version!: string;
  /** Sessions that exist, of all organizations and replicas. */
  @ApiProperty({ type: 'integer' }) sessions_active!: number;
}

import type { VpsErrorBody } from '@agentfleet/contracts';
import { ApiProperty } from '@nestjs/swagger';

class RefusedFieldDto {
  @ApiProperty({ type: String }) field!: string;
  @ApiProperty({ type: String }) message!: string;
}

/** Every error of the bridge. */
export class ErrorDto implements VpsErrorBody {
  @ApiProperty({ type: String }) detail!: string;
  @ApiProperty({ type: String }) code!: string;
  /** Only of refused fields. */
  @ApiProperty({ type: [RefusedFieldDto], required: false }) errors?: readonly RefusedFieldDto[];
  /** Only of bugs: the operator finds the details by it. */
  @ApiProperty({ type: String, required: false }) error_id?: string;
  @ApiProperty({ type: String }) correlation_id!: string;
}

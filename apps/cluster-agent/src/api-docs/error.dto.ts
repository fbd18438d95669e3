import { ApiProperty } from '@nestjs/swagger';

class RefusedFieldDto {
  @ApiProperty({ type: String }) field!: string;
  @ApiProperty({ type: String }) problem!: string;
}

/** Every error of this app. */
export class ErrorDto {
  @ApiProperty({ enum: [false] }) success!: false;
  @ApiProperty({ type: String }) error!: string;
  @ApiProperty({ type: String }) code!: string;
  /** Only of refused fields. */
  @ApiProperty({ type: [RefusedFieldDto], required: false }) details?: readonly RefusedFieldDto[];
  /** Only of bugs: the operator finds the details by it. */
  @ApiProperty({ type: String, required: false }) error_id?: string;
  @ApiProperty({ type: String }) correlation_id!: string;
}

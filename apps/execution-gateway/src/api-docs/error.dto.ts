import { ApiProperty } from '@nestjs/swagger';

class RefusedFieldDto {
  @ApiProperty({ type: String }) field!: string;
  @ApiProperty({ type: String }) message!: string;
}

/** Every error of the gateway; the two fixed bodies (401, unknown session) have `detail` only. */
export class ErrorDto {
  /** For people. */
  @ApiProperty({ type: String }) detail!: string;
  @ApiProperty({ type: String, required: false }) code?: string;
  /** Only of refused fields. */
  @ApiProperty({ type: [RefusedFieldDto], required: false }) errors?: readonly RefusedFieldDto[];
  /** Only of `busy`. */
  @ApiProperty({ type: String, required: false }) active_run_id?: string;
  /** Only of bugs: the operator finds the details by it. */
  @ApiProperty({ type: String, required: false }) error_id?: string;
}

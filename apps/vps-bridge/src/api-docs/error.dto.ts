import type { VpsErrorBody } from '@agentfleet/contracts';
import { ApiProperty } from '@nestjs/swagger';
import { CallResultDto } from './call-result.dto';

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
  /** Only of a call that still runs, or whose outcome is not known: where its result will be. */
  @ApiProperty({ type: String, required: false }) call_id?: string;
  /** Only of `answer_not_stored`: the call's result, so that the text is not lost. */
  @ApiProperty({ type: CallResultDto, required: false }) result?: CallResultDto;
  @ApiProperty({ type: String }) correlation_id!: string;
}

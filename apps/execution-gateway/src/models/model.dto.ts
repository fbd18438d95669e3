import type { GatewayModelView, JsonObject } from '@agentfleet/contracts';
import { ApiProperty } from '@nestjs/swagger';

export class ModelDto implements GatewayModelView {
  @ApiProperty({ type: String }) name!: string;
  @ApiProperty({ type: String }) provider!: string;
  /** Taken by sessions that name no model. */
  @ApiProperty({ type: Boolean }) default!: boolean;
  /** US dollars for a million tokens; null when they are not known. */
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true }) prices!: JsonObject | null;
}

export class ModelListDto {
  @ApiProperty({ type: [ModelDto] }) models!: readonly ModelDto[];
}

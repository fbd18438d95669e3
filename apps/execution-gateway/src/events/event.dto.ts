import type { RunEventType } from '@agentfleet/contracts';
import { ApiProperty } from '@nestjs/swagger';

const TYPES = ['session_info', 'text', 'thinking', 'tool_call', 'tool_result', 'iteration_end', 'status', 'error', 'cancelled', 'query_complete'] as const satisfies readonly RunEventType[];

/** An event as sockets, streams and lists give it. */
export class EventDto {
  @ApiProperty({ enum: TYPES }) type!: RunEventType;
  /** Its fields follow from `type`. */
  @ApiProperty({ type: 'object', additionalProperties: true }) data!: object;
  @ApiProperty({ type: 'string', format: 'date-time' }) timestamp!: string;
  /** From 1 in each session, without gaps. */
  @ApiProperty({ type: 'integer', minimum: 1 }) seq!: number;
  @ApiProperty({ type: String }) run_id!: string;
}

export class EventListDto {
  @ApiProperty({ type: [EventDto] }) events!: readonly EventDto[];
  @ApiProperty({ type: 'integer' }) first_seq!: number;
  @ApiProperty({ type: 'integer' }) last_seq!: number;
  /** Only there when there is more. */
  @ApiProperty({ type: String, required: false }) next_cursor?: string;
}

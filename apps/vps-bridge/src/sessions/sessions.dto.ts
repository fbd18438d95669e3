import type {
  JsonObject,
  VpsCleanup,
  VpsImported,
  VpsMessagePage,
  VpsMessageRole,
  VpsNumberedMessage,
  VpsSession,
  VpsSessionExport,
  VpsSessionItem,
  VpsSessionList,
  VpsSessionMessage,
} from '@agentfleet/contracts';
import { MESSAGE_ROLES } from '@agentfleet/sessions';
import { ApiExtraModels, ApiProperty, getSchemaPath } from '@nestjs/swagger';

export class SessionMessageDto implements VpsSessionMessage {
  @ApiProperty({ type: String }) timestamp!: string;
  @ApiProperty({ enum: MESSAGE_ROLES }) role!: VpsMessageRole;
  @ApiProperty({ type: String }) content!: string;
  /** The agent that answered, empty for prompts. */
  @ApiProperty({ type: String }) agent!: string;
  @ApiProperty({ enum: [true], required: false }) incomplete?: true;
}

export class NumberedMessageDto extends SessionMessageDto implements VpsNumberedMessage {
  @ApiProperty({ type: 'integer', minimum: 1 }) seq!: number;
  @ApiProperty({ type: String, nullable: true }) call_id!: string | null;
}

export class SessionItemDto implements VpsSessionItem {
  @ApiProperty({ type: String }) session_id!: string;
  @ApiProperty({ type: String }) user_id!: string;
  @ApiProperty({ type: String }) created_at!: string;
  @ApiProperty({ type: String }) last_activity!: string;
  @ApiProperty({ type: 'integer' }) total_messages!: number;
  @ApiProperty({ type: 'object', additionalProperties: true }) metadata!: JsonObject;
}

export class SessionDto extends SessionItemDto implements VpsSession {
  @ApiProperty({ type: [SessionMessageDto] }) messages!: readonly SessionMessageDto[];
}

export class SessionListDto implements VpsSessionList {
  @ApiProperty({ type: [SessionItemDto] }) sessions!: readonly SessionItemDto[];
  @ApiProperty({ type: String, nullable: true }) next_cursor!: string | null;
}

export class MessagePageDto implements VpsMessagePage {
  @ApiProperty({ type: String }) session_id!: string;
  @ApiProperty({ type: 'integer' }) total_messages!: number;
  @ApiProperty({ type: [NumberedMessageDto] }) messages!: readonly NumberedMessageDto[];
  @ApiProperty({ type: 'integer', nullable: true }) next_after_seq!: number | null;
  @ApiProperty({ type: 'integer', nullable: true }) next_before_seq!: number | null;
}

@ApiExtraModels(SessionDto)
export class SessionExportDto implements VpsSessionExport {
  @ApiProperty({ type: String }) exported_at!: string;
  @ApiProperty({ type: 'object', additionalProperties: { $ref: getSchemaPath(SessionDto) } }) sessions!: Readonly<Record<string, SessionDto>>;
  @ApiProperty({ type: 'integer' }) total_sessions!: number;
}

export class CleanupDto implements VpsCleanup {
  @ApiProperty({ type: 'integer' }) cleaned_up!: number;
  @ApiProperty({ type: 'integer' }) remaining_sessions!: number;
}

export class ImportedDto implements VpsImported {
  @ApiProperty({ type: 'integer' }) imported!: number;
}

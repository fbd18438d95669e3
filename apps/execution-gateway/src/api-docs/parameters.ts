import { GATEWAY_ID_PATTERN } from '@agentfleet/contracts';
import { applyDecorators } from '@nestjs/common';
import { ApiParam, ApiQuery } from '@nestjs/swagger';

/** The session that the examples make and use: pressed in order they succeed as they are. */
export const EXAMPLE_SESSION_ID = 'my-first-session';

/** `{id}` of a session. */
export function ApiSessionId(): MethodDecorator {
  return ApiParam({ name: 'id', description: 'Id of a session', schema: { type: 'string', pattern: GATEWAY_ID_PATTERN.source, example: EXAMPLE_SESSION_ID } });
}

/** `limit` and `cursor` of a list. */
export function ApiPage(): MethodDecorator {
  return applyDecorators(
    ApiQuery({ name: 'limit', required: false, description: 'Entries of an answer', schema: { type: 'integer', minimum: 1, maximum: 1000, default: 100 } }),
    ApiQuery({ name: 'cursor', required: false, description: 'The `next_cursor` of the answer before', schema: { type: 'string' } }),
  );
}

/** `after_seq` of events. */
export function ApiAfterSeq(): MethodDecorator {
  return ApiQuery({ name: 'after_seq', required: false, description: 'Events after this number; beyond the end it means the end', schema: { type: 'integer', minimum: 0, default: 0 } });
}

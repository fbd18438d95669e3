import type { AiwmError } from '@agentfleet/contracts';
import { errorDocs, type DocumentedError } from '@agentfleet/platform';
import { applyDecorators, type Type } from '@nestjs/common';
import { ApiBody, ApiExtraModels, ApiProperty, ApiQuery, ApiResponse, getSchemaPath, type ApiResponseOptions } from '@nestjs/swagger';
import { exampleOf } from './examples';
import type { Documented } from './documented';
import { PaginationDto, StatisticsDto } from './page.dto';

/** The one shape of errors. */
export class ErrorDto implements Documented<AiwmError> {
  @ApiProperty({ type: 'integer', example: 400 })
  statusCode!: number;
  @ApiProperty({ type: String, example: 'VALIDATION_FAILED' })
  code!: string;
  @ApiProperty({ type: String, example: 'Validation failed' })
  message!: string;
  @ApiProperty({ type: [String], required: false, description: 'Only with VALIDATION_FAILED: every refused field' })
  errors?: string[];
  @ApiProperty({ type: String, required: false, description: 'Only with 500: to be looked up in the log' })
  error_id?: string;
  @ApiProperty({ type: String, format: 'date-time' })
  timestamp!: string;
  @ApiProperty({ type: String })
  path!: string;
  @ApiProperty({ type: String })
  correlationId!: string;
}

const error = (status: number, code: string, message: string, more: object = {}): DocumentedError => ({
  status,
  summary: code,
  body: { statusCode: status, code, message, ...more, timestamp: '2026-03-01T10:00:00.000Z', path: '/agents', correlationId: 'b6f1c2d4' },
});

const ERRORS: Readonly<Record<string, DocumentedError>> = {
  VALIDATION_FAILED: error(400, 'VALIDATION_FAILED', 'Validation failed', { errors: ['name must be a string'] }),
  MALFORMED_JSON: error(400, 'MALFORMED_JSON', 'Invalid JSON: unexpected end of input'),
  INVALID_ID: error(400, 'INVALID_ID', 'The id must be 24 lower-case hex digits'),
  UNAUTHENTICATED: error(401, 'UNAUTHENTICATED', 'No credentials: send Authorization: Bearer and a token or an API key, or X-API-Key'),
  TOKEN_EXPIRED: error(401, 'TOKEN_EXPIRED', 'The token has expired'),
  TOKEN_REVOKED: error(401, 'TOKEN_REVOKED', 'The token is no longer valid'),
  INVALID_CREDENTIALS: error(401, 'INVALID_CREDENTIALS', 'The secret is not valid for this agent'),
  AGENT_SUSPENDED: error(401, 'AGENT_SUSPENDED', 'The agent is suspended'),
  FORBIDDEN: error(403, 'FORBIDDEN', 'Missing scope agents:write'),
  TOKEN_NOT_FOR_THIS_AGENT: error(403, 'TOKEN_NOT_FOR_THIS_AGENT', 'The token belongs to another agent'),
  NOT_FOUND: error(404, 'NOT_FOUND', 'Not found'),
  IN_USE: error(409, 'IN_USE', '2 agents use this instruction; assign another one first'),
  CONFLICT: error(409, 'CONFLICT', 'The name is taken'),
  PAYLOAD_TOO_LARGE: error(413, 'PAYLOAD_TOO_LARGE', 'The body is too large'),
  UNSUPPORTED_MEDIA_TYPE: error(415, 'UNSUPPORTED_MEDIA_TYPE', 'Send the body as application/json'),
  IDEMPOTENCY_MISMATCH: error(422, 'IDEMPOTENCY_MISMATCH', 'This Idempotency-Key was used with another request; use a new key'),
  RATE_LIMITED: error(429, 'RATE_LIMITED', 'Too many failed connects; try again in 40 seconds'),
  INTERNAL: error(500, 'INTERNAL', 'Internal error', { error_id: '48ada4181ecfe4c4' }),
  UNAVAILABLE: error(503, 'UNAVAILABLE', 'Storage is not available'),
  OVERLOADED: error(503, 'OVERLOADED', 'Too many checks are waiting'),
};
const UNAVAILABLE = 'Not available at the moment; see Retry-After';
const RETRY_AFTER = { 'Retry-After': { description: 'Whole seconds', schema: { type: 'integer' as const } } };

const docs = errorDocs<string>({
  dto: ErrorDto,
  errors: ERRORS,
  everywhere: ['INTERNAL'],
  ofBodies: [],
  headers: { 429: RETRY_AFTER, 503: RETRY_AFTER },
  exampleName: (name) => name,
  meanings: {
    400: 'The request is not valid',
    401: 'No or no valid credentials',
    403: 'The caller lacks the right',
    404: 'Unknown, deleted, or of another organization',
    409: 'In use, or in conflict with what is there',
    413: 'The body is too large',
    415: 'The body is not JSON',
    422: 'The idempotency key was used with another body',
    429: 'Too many requests; see Retry-After',
    500: 'A bug; its details are in the log under error_id',
    503: UNAVAILABLE,
  },
});

/** Whoever is asked for credentials may also be over a limit, or name an organization that is malformed or unknown. */
const WITH_CREDENTIALS = [400, 404, 429];

/** Documents the error answers of a route by their statuses, each with its codes as examples. */
export function ApiErrors(...statuses: readonly number[]): MethodDecorator {
  const all = new Set([...statuses, ...(statuses.includes(403) ? WITH_CREDENTIALS : []), ...(statuses.includes(422) ? [409] : [])]);
  return docs.ApiErrors(...Object.keys(ERRORS).filter((name) => all.has(ERRORS[name]?.status ?? 0)));
}

/** Documents what a route answers. */
export function ApiAnswer(type: Type, more: { readonly status?: number; readonly headers?: ApiResponseOptions['headers'] } = {}): MethodDecorator {
  const { status = 200, headers } = more;
  const content = { 'application/json': { schema: { $ref: getSchemaPath(type) }, example: exampleOf(type) } };
  const description = status === 503 ? UNAVAILABLE : status === 201 ? 'Created' : 'Done';
  return applyDecorators(ApiExtraModels(type), ApiResponse({ status, description, content, ...(headers ? { headers } : {}) }));
}

/** Documents the body that a route takes. */
export function ApiTakes(type: Type, required = true): MethodDecorator {
  return ApiBody({ type, required, examples: { example: { value: exampleOf(type) } } });
}

/** Documents a list: its query parameters and its page. */
export function ApiPage(item: Type, filters: readonly string[], sorts: readonly string[]): MethodDecorator {
  // the empty example is what Swagger UI begins with: without it every field would say "string", which is no filter
  const object = (names: readonly string[], values?: string[]) => ({
    type: 'object' as const,
    properties: Object.fromEntries(names.map((name) => [name, { type: 'string', ...(values ? { enum: values } : {}) }])),
    example: {},
  });
  const schema = {
    type: 'object' as const,
    required: ['data', 'pagination'],
    properties: {
      data: { type: 'array' as const, items: { $ref: getSchemaPath(item) } },
      pagination: { $ref: getSchemaPath(PaginationDto) },
      statistics: { $ref: getSchemaPath(StatisticsDto) },
    },
  };
  const example = { data: [exampleOf(item)], pagination: { page: 1, limit: 10, total: 1, totalPages: 1 }, statistics: { total: 1, byStatus: { active: 1 } } };
  return applyDecorators(
    ApiExtraModels(item, PaginationDto, StatisticsDto),
    ApiQuery({ name: 'page', required: false, schema: { type: 'integer', minimum: 1, default: 1 } }),
    ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: 1000, default: 10 } }),
    ApiQuery({ name: 'filter', required: false, style: 'deepObject', explode: true, description: `filter[field]=value, for ${filters.join(', ')}`, schema: object(filters) }),
    ApiQuery({ name: 'sort', required: false, style: 'deepObject', explode: true, description: `sort[field]=1 or -1, for ${sorts.join(', ')}; createdAt descending when absent`, schema: object(sorts, ['1', '-1']) }),
    ApiResponse({ status: 200, description: 'One page, and counts over the whole filtered list', content: { 'application/json': { schema, example } } }),
  );
}

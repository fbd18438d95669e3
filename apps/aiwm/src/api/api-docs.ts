import type { AiwmError } from '@agentfleet/contracts';
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

/** What each status means, and the codes that come with it. */
const ERRORS: Readonly<Record<number, { readonly meaning: string; readonly codes: Readonly<Record<string, string>> }>> = {
  400: {
    meaning: 'The request is not valid',
    codes: { VALIDATION_FAILED: 'Validation failed', MALFORMED_JSON: 'Invalid JSON: unexpected end of input', INVALID_ID: 'The id must be 24 lower-case hex digits' },
  },
  401: {
    meaning: 'No or no valid credentials',
    codes: {
      UNAUTHENTICATED: 'No credentials: send Authorization: Bearer and a token or an API key, or X-API-Key',
      TOKEN_EXPIRED: 'The token has expired',
      TOKEN_REVOKED: 'The token is no longer valid',
      INVALID_CREDENTIALS: 'The secret is not valid for this agent',
      AGENT_SUSPENDED: 'The agent is suspended',
    },
  },
  403: {
    meaning: 'The caller lacks the right',
    codes: { FORBIDDEN: 'Missing scope agents:write', TOKEN_NOT_FOR_THIS_AGENT: 'The token belongs to another agent' },
  },
  404: { meaning: 'Unknown, deleted, or of another organization', codes: { NOT_FOUND: 'Not found' } },
  409: { meaning: 'In use, or in conflict with what is there', codes: { IN_USE: '2 agents use this instruction; assign another one first', CONFLICT: 'The name is taken' } },
  413: { meaning: 'The body is too large', codes: { PAYLOAD_TOO_LARGE: 'The body is too large' } },
  415: { meaning: 'The body is not JSON', codes: { UNSUPPORTED_MEDIA_TYPE: 'Send the body as application/json' } },
  422: {
    meaning: 'The idempotency key was used with another body',
    codes: { IDEMPOTENCY_MISMATCH: 'This Idempotency-Key was used with another request; use a new key' },
  },
  429: { meaning: 'Too many requests; see Retry-After', codes: { RATE_LIMITED: 'Too many failed connects; try again in 40 seconds' } },
  500: { meaning: 'A bug; its details are in the log under error_id', codes: { INTERNAL: 'Internal error' } },
  503: { meaning: 'Not available at the moment; see Retry-After', codes: { UNAVAILABLE: 'Storage is not available', OVERLOADED: 'Too many checks are waiting' } },
};

function errorExample(statusCode: number, code: string, message: string): { summary: string; value: ErrorDto } {
  const errors = code === 'VALIDATION_FAILED' ? { errors: ['name must be a string'] } : {};
  const errorId = code === 'INTERNAL' ? { error_id: '48ada4181ecfe4c4' } : {};
  const where = { timestamp: '2026-03-01T10:00:00.000Z', path: '/agents', correlationId: 'b6f1c2d4' };
  return { summary: code, value: { statusCode, code, message, ...errors, ...errorId, ...where } };
}

function errorResponse(status: number): ApiResponseOptions {
  const { meaning, codes } = ERRORS[status] ?? { meaning: '', codes: {} };
  const examples = Object.fromEntries(Object.entries(codes).map(([code, message]) => [code, errorExample(status, code, message)]));
  const headers = status === 429 || status === 503 ? { headers: { 'Retry-After': { description: 'Whole seconds', schema: { type: 'integer' as const } } } } : {};
  return { status, description: meaning, content: { 'application/json': { schema: { $ref: getSchemaPath(ErrorDto) }, examples } }, ...headers };
}

/** Whoever is asked for credentials may also be over a limit, or name an organization that is malformed or unknown. */
const WITH_CREDENTIALS = [400, 404, 429];

/** Documents the error answers of a route, each with its codes as examples. */
export function ApiErrors(...statuses: readonly number[]): MethodDecorator {
  const implied = [...(statuses.includes(403) ? WITH_CREDENTIALS : []), ...(statuses.includes(422) ? [409] : []), 500];
  const all = [...new Set([...statuses, ...implied])].sort((a, b) => a - b);
  return applyDecorators(ApiExtraModels(ErrorDto), ...all.map((status) => ApiResponse(errorResponse(status))));
}

/** Documents what a route answers. */
export function ApiAnswer(type: Type, more: { readonly status?: number; readonly headers?: ApiResponseOptions['headers'] } = {}): MethodDecorator {
  const { status = 200, headers } = more;
  const content = { 'application/json': { schema: { $ref: getSchemaPath(type) }, example: exampleOf(type) } };
  const description = status === 503 ? (ERRORS[503]?.meaning ?? '') : status === 201 ? 'Created' : 'Done';
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

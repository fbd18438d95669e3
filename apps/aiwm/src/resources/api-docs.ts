import { applyDecorators, type Type } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiQuery, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { PaginationDto, StatisticsDto } from './pagination.dto';

const ERROR_SCHEMA = {
  type: 'object',
  required: ['statusCode', 'code', 'message', 'timestamp', 'path', 'correlationId'],
  properties: {
    statusCode: { type: 'integer' },
    code: { type: 'string' },
    message: { type: 'string' },
    errors: { type: 'array', items: { type: 'string' } },
    error_id: { type: 'string' },
    timestamp: { type: 'string', format: 'date-time' },
    path: { type: 'string' },
    correlationId: { type: 'string' },
  },
};

const MEANING: Readonly<Record<number, string>> = {
  400: 'The request is not valid',
  401: 'No or no valid credentials',
  403: 'The caller lacks the right',
  404: 'Unknown, deleted, or of another organization',
  409: 'In use, or in conflict with what is there',
  413: 'The body is too large',
  415: 'The body is not JSON',
  422: 'The idempotency key was used with another body',
  429: 'Too many requests; see Retry-After',
  503: 'Not available at the moment; see Retry-After',
};

/** Documents the error answers of a route, all of one shape. */
export function ApiErrors(...statuses: readonly number[]): MethodDecorator {
  return applyDecorators(...statuses.map((status) => ApiResponse({ status, description: MEANING[status] ?? '', schema: ERROR_SCHEMA })));
}

/** Documents a list: its query parameters and its page. */
export function ApiPage(item: Type, filters: readonly string[], sorts: readonly string[]): MethodDecorator {
  const object = (names: readonly string[]) => ({
    type: 'object' as const,
    properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
  });
  return applyDecorators(
    ApiExtraModels(item, PaginationDto, StatisticsDto),
    ApiQuery({ name: 'page', required: false, schema: { type: 'integer', minimum: 1, default: 1 } }),
    ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: 1000, default: 10 } }),
    ApiQuery({ name: 'filter', required: false, style: 'deepObject', explode: true, schema: object(filters) }),
    ApiQuery({ name: 'sort', required: false, style: 'deepObject', explode: true, schema: object(sorts) }),
    ApiOkResponse({
      schema: {
        type: 'object',
        properties: {
          data: { type: 'array', items: { $ref: getSchemaPath(item) } },
          pagination: { $ref: getSchemaPath(PaginationDto) },
          statistics: { $ref: getSchemaPath(StatisticsDto) },
        },
      },
    }),
  );
}

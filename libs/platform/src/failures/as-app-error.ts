import { AppError } from '@agentfleet/errors';
import { HttpException } from '@nestjs/common';
import { isStorageUnavailable } from './mongo-errors';

function byStatus(status: number, cause: unknown): AppError | undefined {
  switch (status) {
    case 400:
      return new AppError('malformed_request', { cause });
    case 403: // a path that leaves the folder of static files
    case 404:
      return new AppError('route_not_found', { cause });
    case 408:
      return new AppError('request_timeout', { cause });
    case 413:
      return new AppError('payload_too_large', { cause });
    case 414:
      return new AppError('uri_too_long', { cause });
    case 415:
      return new AppError('unsupported_media_type', { cause });
    case 416:
      return new AppError('range_not_satisfiable', { cause });
    case 431:
      return new AppError('headers_too_large', { cause });
    default: // whatever else the framework refuses is its caller's, too
      return status >= 400 && status < 500 ? new AppError('malformed_request', { cause }) : undefined;
  }
}

/** What an error means to the caller, or undefined for a bug of ours. Nest wraps most of Fastify's errors. */
export function asAppError(error: unknown): AppError | undefined {
  if (error instanceof AppError) return error;
  if (isStorageUnavailable(error)) return new AppError('storage_unavailable', { cause: error });
  if (error instanceof HttpException) return byStatus(error.getStatus(), error);
  if (error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number') {
    const code = 'code' in error ? error.code : undefined;
    if (code === 'FST_ERR_BAD_URL') return new AppError('malformed_url', { cause: error });
    return byStatus(error.statusCode, error);
  }
  return undefined;
}

import { randomBytes } from 'node:crypto';
import { AppError, type AppErrorCode } from '@agentfleet/errors';
import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { throwError } from 'rxjs';
import type { ErrorRenderer, RenderableError, RenderedError } from '../app-definition';
import { isStorageUnavailable } from '../mongo/mongo-errors';
import type { Log } from '../observe/log';
import { rulesOf } from './access';
import { pageHeaders } from './page-headers';

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

interface FailedRequest {
  readonly correlationId: string;
  readonly path: string;
}

/** Words any thrown thing for the caller; bugs get an `error_id` and their details go to the log only. */
export function renderFailure(error: unknown, request: FailedRequest, render: ErrorRenderer, log: Log): RenderedError & { readonly code: AppErrorCode } {
  const known = asAppError(error);
  let errorId: string | undefined;
  if (!known) {
    errorId = randomBytes(8).toString('hex');
    log.error({ err: error, error_id: errorId, path: request.path, correlation_id: request.correlationId }, 'Unexpected error');
  }
  const failure = known ?? new AppError('internal');
  const renderable: RenderableError = {
    code: failure.code,
    status: failure.status,
    message: failure.message,
    problems: failure.problems,
    extra: failure.extra,
    errorId,
    retryAfterSeconds: failure.retryAfterSeconds,
    correlationId: request.correlationId,
    path: request.path,
  };
  const rendered = render(renderable);
  const headers: Record<string, string> = { ...rendered.headers };
  if (rendered.status === 401) headers['WWW-Authenticate'] ??= 'Bearer';
  if (failure.retryAfterSeconds !== undefined) headers['Retry-After'] ??= String(failure.retryAfterSeconds);
  return { status: rendered.status, body: rendered.body, headers, code: failure.code };
}

export function pathOf(url: string | undefined): string {
  return (url ?? '/').split('?', 1)[0] ?? '/';
}

/** The one place where errors become HTTP. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(
    private readonly render: ErrorRenderer,
    private readonly log: Log,
  ) {}

  catch(error: unknown, host: ArgumentsHost): unknown {
    if (host.getType() !== 'http') return throwError(() => error);
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    if (reply.sent || reply.raw.destroyed) return undefined;
    if (reply.raw.headersSent) {
      reply.raw.destroy(); // a cut stream must not look whole
      return undefined;
    }
    const correlationId = request.context?.correlationId ?? '';
    const rendered = renderFailure(error, { correlationId, path: pathOf(request.raw.url) }, this.render, this.log);
    request.failureCode = rendered.code;
    if (rulesOf(request).streamsBodies === true) void reply.headers(pageHeaders());
    // the rest of a body that was not read must not be taken for the next request
    if (!request.raw.complete) void reply.header('connection', 'close');
    void reply.status(rendered.status).headers({ ...rendered.headers }).type('application/json; charset=utf-8').send(rendered.body);
    return undefined;
  }
}

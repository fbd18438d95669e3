import { randomBytes } from 'node:crypto';
import { AppError, type AppErrorCode } from '@agentfleet/errors';
import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { throwError } from 'rxjs';
import type { ErrorRenderer, RenderableError, RenderedError } from '../app-definition';
import { asAppError } from '../failures/as-app-error';
import type { Log } from '../observe/log';
import { rulesOf } from './access';
import { pageHeaders } from './page-headers';

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
    void reply.status(rendered.status).headers({ ...rendered.headers }).type('application/json; charset=utf-8').send(rendered.body);
    return undefined;
  }
}

import type { Socket } from 'node:net';
import { AppError, type AppErrorCode } from '@agentfleet/errors';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parse } from 'qs';
import type { ErrorRenderer, HttpRules } from '../app-definition';
import { hasAnyScope, type Caller } from '../identity/caller';
import type { Identity } from '../identity/identity';
import type { Lifecycle } from '../lifecycle';
import type { Database } from '../mongo/database';
import type { Log } from '../observe/log';
import type { Metrics } from '../observe/metrics';
import { contextFromHeaders, enterContext, type RequestContext } from '../observe/request-context';
import type { RouteRules } from './access';
import { pathOf, renderFailure } from './error-filter';
import type { LocalCallers } from './local-callers';
import { isProtectedPath } from './protected-paths';
import type { SourceAddress } from './source-address';
import { dropUnreadBodies } from './unread-bodies';

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller | undefined;
    context: RequestContext;
    /** Of the error that was answered; for the request's log line. */
    failureCode: AppErrorCode | undefined;
  }
}

export interface HttpDeps {
  readonly identity: Identity;
  readonly lifecycle: Lifecycle;
  readonly database: Database;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly renderError: ErrorRenderer;
  readonly rules: HttpRules<never>;
  readonly bodyLimitBytes: number;
  readonly sourceAddress: SourceAddress;
  readonly localCallers: LocalCallers;
}

const DOCS = '/api-docs';
const EMPTY_QUERY = Object.freeze(Object.create(null));

function parseQuery(text: string): Record<string, unknown> {
  if (text === '') return EMPTY_QUERY;
  return parse(text, { depth: 3, plainObjects: true, allowDots: false, parameterLimit: 200, arrayLimit: 50 });
}

const firstHeader = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value);

function startRequest(request: FastifyRequest, deps: HttpDeps): void {
  request.context = contextFromHeaders(request.headers, deps.sourceAddress.of(request.raw));
  enterContext(request.context);
}

async function authenticate(request: FastifyRequest, deps: HttpDeps): Promise<Caller> {
  return deps.identity.authenticate({
    apiKey: firstHeader(request.headers['x-api-key']),
    authorization: request.headers.authorization,
    organizationId: firstHeader(request.headers['x-organization-id']),
    sourceAddress: request.context.sourceAddress ?? 'unknown',
  });
}

/** Probes, metrics and documents are served whatever is missing. */
const WITHOUT_STORAGE = /^\/(?:metrics|api-docs.*|(?:api\/v1\/)?health(?:\/.*)?)?$/;

/** Before the first connection mongoose would queue operations for 10 s; callers are to hear 503 at once. */
function refuseBeforeStorage(deps: HttpDeps): void {
  if (!deps.database.wasOpened) throw new AppError('storage_unavailable');
}

/** Credentials, rights and existence of the route, all before the body is read. */
async function admit(request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): Promise<void> {
  startRequest(request, deps);
  void reply.header('X-Correlation-Id', request.context.correlationId);
  if (request.headers.host === undefined && request.raw.httpVersion === '1.1') {
    throw new AppError('malformed_request', { message: 'The Host header is missing' });
  }
  deps.localCallers.check(request.headers);
  const path = pathOf(request.raw.url);
  if (request.is404) {
    if (isProtectedPath(path, deps.rules)) request.caller = await authenticate(request, deps);
    throw new AppError('route_not_found');
  }
  const { access } = request.routeOptions.config as RouteRules; // set by our decorators, checked at registration
  if (access === 'public' || access === undefined) {
    if (!WITHOUT_STORAGE.test(path)) refuseBeforeStorage(deps);
    return;
  }
  request.caller = await authenticate(request, deps);
  if (deps.lifecycle.draining) throw new AppError('draining');
  refuseBeforeStorage(deps);
  if (access !== 'authenticated' && !hasAnyScope(request.caller, access)) {
    throw new AppError('forbidden', { message: `Missing scope ${access.join(' or ')}` });
  }
}

const ID = /^(?:[0-9a-f]{24}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z]{2,6}_[0-9a-f]{8,64})$/;

/** What helps to find a refused request's cause: code, caller, ids of its path. Other text of a path may be a secret. */
function whoAndWhy(request: FastifyRequest): object {
  const { caller, failureCode } = request;
  const given = typeof request.params === 'object' && request.params !== null ? Object.entries(request.params) : [];
  const params = Object.fromEntries(given.filter(([, value]) => typeof value === 'string' && ID.test(value)));
  return {
    ...(failureCode === undefined ? {} : { error: failureCode }),
    ...(caller === undefined ? {} : { caller: { kind: caller.kind, id: caller.id } }),
    ...(Object.keys(params).length === 0 ? {} : { params }),
  };
}

/** Our hooks: access of routes, credentials before bodies, metrics and a log line per request. */
export function addHooks(fastify: FastifyInstance, deps: HttpDeps): void {
  fastify.decorateRequest('caller', undefined);
  fastify.decorateRequest('failureCode', undefined);
  fastify.addHook('onRoute', (route) => {
    const rules = (route.config ?? {}) as RouteRules; // what our decorators put there, or nothing
    if (rules.bodyLimitBytes !== undefined) route.bodyLimit = rules.bodyLimitBytes;
    const isOurOwn = route.url.startsWith(DOCS) || route.method === 'OPTIONS';
    if (rules.access === undefined && !isOurOwn) {
      throw new Error(`Route ${String(route.method)} ${route.url} says nothing about access: add @Public(), @Authenticated() or @Needs()`);
    }
  });
  dropUnreadBodies(fastify);
  fastify.addHook('onRequest', (request, reply) => admit(request, reply, deps));
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.is404 ? 'unknown' : request.routeOptions.url ?? 'unknown';
    const seconds = reply.elapsedTime / 1000;
    deps.metrics.httpRequests.observe({ method: request.method, route, status: reply.statusCode }, seconds);
    const isProbe = route.startsWith('/health'); // its 503 while booting and draining is an answer, not a fault
    const level = isProbe ? 'debug' : reply.statusCode >= 500 ? 'warn' : reply.statusCode >= 400 ? 'info' : 'debug';
    if (deps.log.isLevelEnabled(level)) {
      const durationMs = Math.round(reply.elapsedTime * 100) / 100;
      deps.log[level]({ method: request.method, route, status: reply.statusCode, duration_ms: durationMs, ...whoAndWhy(request) }, 'Request');
    }
    done();
  });
}

const PARSER_STATUS: Readonly<Record<string, readonly [status: string, code: 'headers_too_large' | 'request_timeout' | 'malformed_request']>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'headers_too_large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'request_timeout'],
};

/** Answers what never became a request (HTTP parser errors), in the app's own dialect. */
function answerParserError(error: Error & { code?: string }, socket: Socket, deps: HttpDeps): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, code] = PARSER_STATUS[error.code ?? ''] ?? ['400 Bad Request', 'malformed_request' as const];
  const context = contextFromHeaders({}, undefined);
  const rendered = renderFailure(new AppError(code), { correlationId: context.correlationId, path: '/' }, deps.renderError, deps.log);
  const body = JSON.stringify(rendered.body);
  const head = [`HTTP/1.1 ${status}`, `X-Correlation-Id: ${context.correlationId}`, 'Content-Type: application/json; charset=utf-8', `Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close'];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** Errors before routing (bad percent-encoding, over-long parameters): no hook runs before them, so credentials are checked here. */
function answerFrameworkError(error: Error, request: FastifyRequest, reply: FastifyReply, deps: HttpDeps): void {
  startRequest(request, deps);
  const path = pathOf(request.raw.url);
  const refuse = async () => {
    deps.localCallers.check(request.headers);
    if (isProtectedPath(path, deps.rules)) await authenticate(request, deps);
    throw error;
  };
  refuse().catch((failure: unknown) => {
    const rendered = renderFailure(failure, { correlationId: request.context.correlationId, path }, deps.renderError, deps.log);
    const headers = { ...rendered.headers, 'X-Correlation-Id': request.context.correlationId };
    void reply.code(rendered.status).headers(headers).type('application/json; charset=utf-8').send(rendered.body);
  });
}

/** Nest's Fastify adapter with our limits, query parser and errors of the HTTP layer. */
export function createHttpAdapter(deps: HttpDeps): FastifyAdapter {
  const adapter = new FastifyAdapter({
    bodyLimit: deps.bodyLimitBytes,
    requestTimeout: 60_000,
    keepAliveTimeout: 65_000,
    forceCloseConnections: true,
    http: { headersTimeout: 15_000, requireHostHeader: false }, // Node's own refusal has no body; ours is in `admit`
    routerOptions: { maxParamLength: 4096, ignoreTrailingSlash: true, querystringParser: parseQuery },
    clientErrorHandler: (error, socket) => answerParserError(error, socket, deps),
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => answerFrameworkError(error, request, reply, deps),
  });
  const fastify = adapter.getInstance<FastifyInstance>();
  fastify.removeContentTypeParser(['text/plain', 'application/json']);
  return adapter;
}

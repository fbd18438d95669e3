import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiSecurity } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { Scope } from '@agentfleet/contracts';
import type { Caller } from '../identity/caller';

/** What a route says about itself; read by the `onRequest` hook before the body. */
export interface RouteRules {
  /** `public`, `authenticated` (any caller), or the scopes of which the caller needs one. */
  readonly access?: 'public' | 'authenticated' | readonly Scope[];
  readonly bodyLimitBytes?: number;
  readonly maxBodyKeys?: number;
  /** For signed requests of other replicas only: see `InternalRoute`. */
  readonly internal?: { readonly bodyHash: boolean };
  /** A body that comes all the same is read and dropped, whatever its type. */
  readonly ignoreBody?: boolean;
  /** The handler gets the body's stream, whatever its type and length; the answer is another server's and gets no page headers. */
  readonly streamsBodies?: boolean;
}

/** What our decorators said of the request's route. */
export function rulesOf(request: Pick<FastifyRequest, 'routeOptions'>): RouteRules {
  return request.routeOptions.config as RouteRules; // set by our decorators
}

const FASTIFY_ROUTE_CONFIG = '__fastify_route_config__';

/** `RouteConfig` overwrites, so all rules of a route travel in one object that the decorators merge. */
function rule(part: RouteRules): MethodDecorator {
  return (target, key, descriptor) => {
    const handler: unknown = descriptor.value;
    if (typeof handler !== 'function') throw new Error('Access rules belong on methods');
    const before: unknown = Reflect.getMetadata(FASTIFY_ROUTE_CONFIG, handler);
    RouteConfig({ ...(typeof before === 'object' ? before : {}), ...part })(target, key, descriptor);
  };
}

function withSecurity(part: RouteRules): MethodDecorator {
  return (target, key, descriptor) => {
    rule(part)(target, key, descriptor);
    ApiBearerAuth()(target, key, descriptor);
    ApiSecurity('apiKey')(target, key, descriptor);
  };
}

/** No credentials needed; those that come are ignored. */
export const Public = (): MethodDecorator => rule({ access: 'public' });

/** The rule of `InternalRoute`, which routes use instead. */
export const Internal = (internal: NonNullable<RouteRules['internal']>): MethodDecorator => rule({ access: 'public', internal });

/** Any genuine caller. */
export const Authenticated = (): MethodDecorator => withSecurity({ access: 'authenticated' });

/** A caller with at least one of these scopes. */
export const Needs = (...scopes: readonly [Scope, ...Scope[]]): MethodDecorator => withSecurity({ access: scopes });

/** Another body limit than the app's. */
export const BodyLimit = (bodyLimitBytes: number): MethodDecorator => rule({ bodyLimitBytes });

/** Another number of keys than 10,000 in one object and 100,000 in all, for routes that take whole files. */
export const BodyKeys = (maxBodyKeys: number): MethodDecorator => rule({ maxBodyKeys });

/** For routes without a body: scripts send an empty one with a content type on POST and DELETE. */
export const NoBody = (): MethodDecorator => rule({ ignoreBody: true });

/**
 * For routes that hand bodies on: no parser, no limit of their length (`@Body()` is a `Readable`, undefined without a body), and none
 * of our own page headers on the answer.
 */
export const StreamedBodies = (): MethodDecorator => rule({ streamsBodies: true });

/** The caller of a protected route. */
export const CurrentCaller = createParamDecorator((_data: unknown, context: ExecutionContext): Caller => {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  if (!request.caller) throw new Error('A public route has no caller');
  return request.caller;
});

import { createHash } from 'node:crypto';
import { Transform, type Readable } from 'node:stream';
import { AppError } from '@agentfleet/errors';
import { applyDecorators, createParamDecorator, Inject, Injectable, type ExecutionContext } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ApiExcludeEndpoint } from '@nestjs/swagger';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Internal, rulesOf } from '../http/access';
import { FieldCipher } from '../identity/field-cipher';
import { CLOCK, type Clock } from '../observe/clock';
import { INTERNAL_HEADER, INTERNAL_KEY_INFO, verifyInternal, type InternalClaims } from './claims';

interface Admitted {
  readonly claims: InternalClaims;
  bodySha256: string | undefined;
}

const admitted = new WeakMap<FastifyRequest, Admitted>();

/**
 * A route for other replicas, of this and of other apps, asked by `InternalClient`. Ordinary credentials mean nothing there:
 * requests are signed, and without a genuine signature the answer is that of an unknown route. It is in no API document.
 * @param rules `bodyHash` for routes whose contract says that the body is signed too
 */
export function InternalRoute(rules: { readonly bodyHash: boolean } = { bodyHash: false }): MethodDecorator {
  return applyDecorators(Internal(rules), ApiExcludeEndpoint());
}

/** What the asking replica says of a request to an internal route. */
export const CurrentClaims = createParamDecorator((_data: unknown, context: ExecutionContext): InternalClaims => {
  const entry = admitted.get(context.switchToHttp().getRequest<FastifyRequest>());
  if (entry === undefined) throw new Error('Only an @InternalRoute() has claims');
  return entry.claims;
});

/** Looks at signatures before bodies are read, and at a body's hash before a handler sees it. */
@Injectable()
export class InternalRoutes {
  constructor(
    private readonly cipher: FieldCipher,
    @Inject(CLOCK) private readonly clock: Clock,
    { httpAdapter }: HttpAdapterHost,
  ) {
    const fastify = httpAdapter.getInstance<FastifyInstance>();
    // not onRequest: there this hook would come before the platform's, which knows the correlation id
    fastify.addHook('preParsing', (request, _reply, payload, done) => {
      const { internal } = rulesOf(request);
      if (internal === undefined) {
        delete request.headers[INTERNAL_HEADER]; // who is outside must not speak for us where headers are handed on
        return done(null, payload);
      }
      const claims = this.verify(request);
      if (claims === undefined) return done(new AppError('route_not_found'));
      const entry = { claims, bodySha256: undefined };
      admitted.set(request, entry);
      done(null, internal.bodyHash ? hashed(payload, entry) : payload);
    });
    fastify.addHook('preValidation', (request, _reply, done) => {
      const entry = admitted.get(request);
      const isOther = rulesOf(request).internal?.bodyHash === true && (entry?.bodySha256 === undefined || entry.bodySha256 !== entry.claims.bodySha256);
      done(isOther ? new AppError('route_not_found') : undefined);
    });
  }

  private verify(request: FastifyRequest): InternalClaims | undefined {
    const header = request.headers[INTERNAL_HEADER];
    delete request.headers[INTERNAL_HEADER]; // a handler may pass its headers on
    const sent = { method: request.method, path: request.raw.url ?? '' };
    const keyOf = (kid: string) => this.cipher.derivedKey(INTERNAL_KEY_INFO, kid);
    return typeof header === 'string' ? verifyInternal(header, sent, keyOf, this.clock.now()) : undefined;
  }
}

/** The same bytes; their hash is known when the last one went through. */
function hashed(payload: Readable, entry: Admitted): Transform {
  const hash = createHash('sha256');
  const transform = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      hash.update(chunk);
      next(null, chunk);
    },
    flush(next) {
      entry.bodySha256 = hash.digest('hex');
      next();
    },
  });
  payload.on('error', (error) => transform.destroy(error));
  return payload.pipe(transform);
}

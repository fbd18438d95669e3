import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';
import { VPS_INTERNAL_CALL_PATH } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { CLOCK, FieldCipher, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { INTERNAL_HEADER, INTERNAL_KEY_INFO, verifyInternal, type InternalClaims } from './signature';

/** Looks at the signature of internal requests before their body, and at the body's hash before it is believed. */
@Injectable()
export class InternalGuard {
  private readonly admitted = new WeakMap<FastifyRequest, { readonly claims: InternalClaims; bodySha256: string }>();

  constructor(
    private readonly cipher: FieldCipher,
    @Inject(CLOCK) private readonly clock: Clock,
    { httpAdapter }: HttpAdapterHost,
  ) {
    const fastify = httpAdapter.getInstance<FastifyInstance>();
    // not onRequest: there this hook would come before the platform's, which knows the correlation id
    fastify.addHook('preParsing', (request, _reply, payload, done) => {
      if (request.routeOptions.url !== VPS_INTERNAL_CALL_PATH) return done(null, payload);
      const claims = this.verified(request);
      if (claims === null) return done(new AppError('route_not_found')); // without a genuine signature there is no such route
      const entry = { claims, bodySha256: '' };
      this.admitted.set(request, entry);
      const hash = createHash('sha256');
      const hashed = new Transform({
        transform(chunk: Buffer, _encoding, next) {
          hash.update(chunk);
          next(null, chunk);
        },
        flush(next) {
          entry.bodySha256 = hash.digest('hex');
          next();
        },
      });
      payload.on('error', (error) => hashed.destroy(error));
      done(null, payload.pipe(hashed));
    });
  }

  /** The claims of a request whose body is the one that was signed. @throws AppError `route_not_found` */
  claimsOf(request: FastifyRequest): InternalClaims {
    const entry = this.admitted.get(request);
    if (entry === undefined || entry.claims.bodySha256 !== entry.bodySha256) throw new AppError('route_not_found');
    return entry.claims;
  }

  private verified(request: FastifyRequest): InternalClaims | null {
    const header = request.headers[INTERNAL_HEADER];
    const sent = { method: request.method, path: request.raw.url ?? '' };
    const keyOf = (kid: string) => this.cipher.derivedKey(INTERNAL_KEY_INFO, kid);
    return typeof header === 'string' ? verifyInternal(header, sent, keyOf, this.clock.now()) : null;
  }
}

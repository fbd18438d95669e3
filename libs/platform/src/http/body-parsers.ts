import { AppError } from '@agentfleet/errors';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import type { HttpRules } from '../app-definition';
import { rulesOf } from './access';
import { parseJsonBody } from './json-body';

/** Fastify chooses a parser by type alone; bodies of routes that stream them come under this one. */
const STREAMED = 'application/x-streamed';

declare module 'fastify' {
  interface FastifyRequest {
    /** Type of a body that is streamed, as it was sent. */
    streamedType: string | undefined;
  }
}

/** JSON only, checked in one pass; routes may drop their bodies or take them as streams. */
export function addBodyParsers(app: NestFastifyApplication, rules: HttpRules<never>): void {
  app.useBodyParser('application/json', {}, (request, body, done) => {
    try {
      const { ignoreBody, maxBodyKeys } = rulesOf(request);
      done(null, ignoreBody === true ? undefined : parseJsonBody(body, rules, maxBodyKeys));
    } catch (error) {
      done(error instanceof Error ? error : new Error('The body could not be parsed'), undefined);
    }
  });
  const fastify: FastifyInstance = app.getHttpAdapter().getInstance();
  fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
    if (rulesOf(request).ignoreBody === true || body.length === 0) done(null, undefined);
    else done(new AppError('unsupported_media_type'), undefined);
  });
  addStreams(fastify);
}

function addStreams(fastify: FastifyInstance): void {
  fastify.decorateRequest('streamedType', undefined);
  fastify.addHook('preParsing', (request, _reply, payload, done) => {
    if (rulesOf(request).streamsBodies === true) {
      request.streamedType = request.headers['content-type'];
      request.headers['content-type'] = STREAMED;
    }
    done(null, payload);
  });
  fastify.addContentTypeParser(STREAMED, (request, payload, done) => {
    done(null, request.headers['content-length'] === '0' ? undefined : payload);
  });
  fastify.addHook('preValidation', (request, _reply, done) => {
    if (rulesOf(request).streamsBodies === true) {
      if (request.streamedType === undefined) delete request.headers['content-type'];
      else request.headers['content-type'] = request.streamedType;
    }
    done();
  });
}

import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import helmet from 'helmet';
import { rulesOf } from './access';

const security = helmet({
  // served over plain HTTP behind the operator's own front proxy, which adds HSTS
  strictTransportSecurity: false,
  contentSecurityPolicy: {
    directives: {
      defaultSrc: ["'self'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'", "'unsafe-inline'"],
      imgSrc: ["'self'", 'data:'],
      connectSrc: ["'self'"],
      upgradeInsecureRequests: null,
    },
  },
});

let once: Readonly<Record<string, string>> | undefined;

/** Also for errors of routes that stream: those are our own answers. */
export const pageHeaders = (): Readonly<Record<string, string>> => (once ??= securityHeaders());

/** The headers are the same for every answer; working them out per request cost 3 % of a bridge call's CPU. */
function securityHeaders(): Readonly<Record<string, string>> {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  security(request, response, (error) => {
    if (error !== undefined) throw error;
  });
  return Object.fromEntries(Object.entries(response.getHeaders()).map(([name, value]) => [name, String(value)]));
}

/**
 * Security and CORS headers on every answer. Registered before the hooks that check credentials: a browser shows a page
 * of another origin no 401 without them, only a failed request.
 */
export async function addPageHeaders(fastify: FastifyInstance, origins: readonly string[]): Promise<void> {
  const fixed = pageHeaders();
  fastify.addHook('onRequest', (request, reply, done) => {
    if (rulesOf(request).streamsBodies !== true) reply.headers(fixed);
    done();
  });
  await fastify.register(cors, {
    origin: [...origins],
    credentials: false,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: ['X-Correlation-Id', 'Retry-After', 'ETag', 'Location', 'Idempotency-Replayed'],
    maxAge: 600,
    strictPreflight: false, // an OPTIONS request without CORS headers is no fault of its caller's
  });
}

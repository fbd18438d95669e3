import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import { mendDocument } from './openapi-document';

interface Described {
  readonly title: string;
  readonly description: string;
}

/** @param server address of the app, for clients that are generated; `/` where the document is served by the app itself */
export function describeApi(app: INestApplication, about: Described, version: string, server: string): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle(about.title)
    .setDescription(about.description)
    .setVersion(version)
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addServer(server)
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'The accessToken that POST /auth/login at AIWM gave a person or connect gave an agent; or an API key (afk_…).' }, 'bearer')
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'An API key of POST /api-keys at AIWM, or a static key of the environment. It wins over a bearer token.' }, 'apiKey')
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  // protected routes name their security; an empty list says of all others that they need none
  for (const path of Object.values(document.paths)) {
    for (const operation of [path.get, path.put, path.post, path.delete, path.patch]) if (operation) operation.security ??= [];
  }
  return mendDocument(document);
}

/** Swagger UI at `/api-docs`, the document at `/api-docs-json`; made at the first request. */
export function serveApiDocs(app: INestApplication, about: Described, version: string): void {
  SwaggerModule.setup('api-docs', app, () => describeApi(app, about, version, '/'), {
    jsonDocumentUrl: 'api-docs-json',
    yamlDocumentUrl: 'api-docs-yaml',
    customSiteTitle: about.title,
    swaggerOptions: { persistAuthorization: true, validatorUrl: null, displayRequestDuration: true, tagsSorter: 'alpha' },
  });
}

/** Swagger UI's page says nothing about its width, so that a phone shows it tiny; Nest has no option for its head. */
export function addViewport(fastify: FastifyInstance): void {
  fastify.addHook('onRoute', (route) => {
    if (route.url !== '/api-docs') return;
    route.onSend = (_request, _reply, page, done) => {
      const viewport = '<meta charset="UTF-8">\n  <meta name="viewport" content="width=device-width, initial-scale=1">';
      done(null, typeof page === 'string' ? page.replace('<meta charset="UTF-8">', viewport) : page);
    };
  });
}

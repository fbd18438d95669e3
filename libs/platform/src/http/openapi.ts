import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';

interface Described {
  readonly title: string;
  readonly description: string;
}

export function describeApi(app: INestApplication, about: Described, version: string): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle(about.title)
    .setDescription(about.description)
    .setVersion(version)
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'A user token, an agent token or an API key (afk_…)' }, 'bearer')
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-API-Key' }, 'apiKey')
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  // protected routes name their security; an empty list says of all others that they need none
  for (const path of Object.values(document.paths)) {
    for (const operation of [path.get, path.put, path.post, path.delete, path.patch]) if (operation) operation.security ??= [];
  }
  return document;
}

/** Swagger UI at `/api-docs`, the document at `/api-docs-json`; made at the first request. */
export function serveApiDocs(app: INestApplication, about: Described, version: string): void {
  SwaggerModule.setup('api-docs', app, () => describeApi(app, about, version), {
    jsonDocumentUrl: 'api-docs-json',
    yamlDocumentUrl: 'api-docs-yaml',
    customSiteTitle: about.title,
    swaggerOptions: { persistAuthorization: true, validatorUrl: null, displayRequestDuration: true, tagsSorter: 'alpha' },
  });
}

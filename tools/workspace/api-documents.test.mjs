import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { documentProblems } from './api-documents.mjs';
import { DOCUMENTED_APPS } from './openapi.mjs';
import { ROOT } from './paths.mjs';

const textOf = (app) => readFileSync(join(ROOT, 'openapi', `${app}.json`), 'utf8');

for (const app of DOCUMENTED_APPS) {
  test(`the document of ${app} is valid, its examples fit their schemas, every operation says what it answers`, async () => {
    assert.deepEqual(await documentProblems(app, textOf(app)), []);
  });
}

test('what is wrong with a document is found', async () => {
  const answer = { description: 'd', content: { 'application/json': { schema: { type: 'object', properties: { a: { type: 'string', enum: ['x'], nullable: true } } }, example: { a: null } } } };
  const document = {
    openapi: '3.0.0',
    info: { title: 't', version: '1', license: { name: 'Apache-2.0', url: 'https://a.example' } },
    servers: [],
    paths: {
      '/a': {
        get: {
          operationId: 'a',
          parameters: [{ name: 'X-A', in: 'header', schema: { type: 'string' } }, { name: 'x-a', in: 'header', schema: {} }],
          responses: { 200: answer, 201: { description: 'nothing said' } },
        },
      },
    },
  };
  const problems = (await documentProblems('x', JSON.stringify(document))).join('\n');
  for (const expected of ['no-invalid-media-type-examples', 'operation-4xx-response', 'has no summary', 'x-a twice', 'no type', '201 does not say', 'there is no server', 'security-defined']) {
    assert.ok(problems.includes(expected), `${expected} in\n${problems}`);
  }
});

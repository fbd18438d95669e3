import type { OpenAPIObject } from '@nestjs/swagger';
import { mendDocument } from './openapi-document';

function mended(part: object): Record<string, unknown> {
  const document = { openapi: '3.0.0', info: { title: 't', version: '1' }, paths: {}, ...part } satisfies OpenAPIObject;
  return JSON.parse(JSON.stringify(mendDocument(document)));
}
const schemaOf = (schema: object) => {
  const { components } = mended({ components: { schemas: { X: { type: 'object', properties: { x: schema } } } } }) as { components: { schemas: { X: { properties: { x: object } } } } };
  return components.schemas.X.properties.x;
};

test('null is among the values of a nullable list of values, once', () => {
  expect(schemaOf({ type: 'string', enum: ['a'], nullable: true })).toEqual({ type: 'string', enum: ['a', null], nullable: true });
  expect(schemaOf({ type: 'string', enum: ['a', null], nullable: true })).toEqual({ type: 'string', enum: ['a', null], nullable: true });
  expect(schemaOf({ type: 'string', enum: ['a'] })).toEqual({ type: 'string', enum: ['a'] });
});

test('a nullable reference is the reference or null', () => {
  expect(schemaOf({ nullable: true, type: 'object', description: 'd', allOf: [{ $ref: '#/x' }] })).toEqual({
    description: 'd',
    anyOf: [{ $ref: '#/x' }, { type: 'object', nullable: true, enum: [null] }],
  });
});

test('an optional field with a default stays optional for generators, and the form is filled with it', () => {
  expect(schemaOf({ type: 'integer', default: 60 })).toEqual({ type: 'integer', description: 'Default: 60.', example: 60 });
  expect(schemaOf({ type: 'integer', default: 60, description: 'Seconds.', example: 5 })).toEqual({ type: 'integer', description: 'Seconds. Default: 60.', example: 5 });
  expect(schemaOf({ type: 'integer', default: 60, description: 'Seconds; default a minute.' })).toMatchObject({ description: 'Seconds; default a minute.' });
  expect(schemaOf({ type: 'string', default: null, nullable: true })).toEqual({ type: 'string', nullable: true, description: 'Default: null.', example: null });
  const { components } = mended({ components: { schemas: { X: { type: 'object', required: ['a'], properties: { a: { type: 'string', default: 'x' } } } } } });
  expect(components).toEqual({ schemas: { X: { type: 'object', required: ['a'], properties: { a: { type: 'string', default: 'x' } } } } });
});

test('ids of operations are names', () => {
  const { paths } = mended({ paths: { '/a': { get: { operationId: 'Health_read[0]', responses: {} } }, '/b': { get: { operationId: 'Health_read[1]', responses: {} } } } });
  expect(paths).toMatchObject({ '/a': { get: { operationId: 'Health_read' } }, '/b': { get: { operationId: 'Health_read_1' } } });
});

test('examples are left as they are', () => {
  const example = { nullable: true, enum: ['a'], parameters: [{ in: 'header', name: 'a' }] };
  expect(schemaOf({ type: 'object', example })).toEqual({ type: 'object', example });
});

test('a header that is described once is a parameter once', () => {
  const described = { name: 'Idempotency-Key', in: 'header', required: false, description: 'd', schema: { type: 'string' } };
  const phantom = { name: 'idempotency-key', in: 'header', required: true, schema: { type: 'string' } };
  const query = { name: 'idempotency-key', in: 'query', schema: { type: 'string' } };
  const { paths } = mended({ paths: { '/a': { post: { parameters: [phantom, described, query], responses: {} } }, '/b': { post: { parameters: [phantom], responses: {} } } } });
  expect(paths).toMatchObject({ '/a': { post: { parameters: [described, query] } }, '/b': { post: { parameters: [phantom] } } });
});

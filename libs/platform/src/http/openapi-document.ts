import type { OpenAPIObject } from '@nestjs/swagger';

type Node = Readonly<Record<string, unknown>>;
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * OpenAPI 3.0 knows no type `null`: a list of allowed values must hold null itself, and `nullable` beside `allOf` says
 * nothing about the schema that is referred to. The generator leaves both to the reader; validators and generated
 * clients then refuse answers that hold null.
 */
function allowNull(schema: Node): Node {
  if (schema['nullable'] !== true) return schema;
  const values = schema['enum'];
  if (Array.isArray(values)) return values.includes(null) ? schema : { ...schema, enum: [...values, null] };
  const all = schema['allOf'];
  if (!Array.isArray(all)) return schema;
  const { allOf: _allOf, nullable: _nullable, type: _type, ...rest } = schema;
  const one: unknown = all.length === 1 ? all[0] : { allOf: all };
  return { ...rest, anyOf: [one, { type: 'object', nullable: true, enum: [null] }] };
}

/**
 * A default makes a field required in the types of some generators (openapi-typescript), and so a call impossible without
 * it. It is said in words instead, and is the example that a form is filled with.
 */
function withoutDefault(schema: unknown): unknown {
  if (!isNode(schema) || schema['default'] === undefined) return schema;
  const { default: value, ...rest } = schema;
  const described = typeof rest['description'] === 'string' ? `${rest['description']} ` : '';
  const isSaid = /\bdefault/i.test(described);
  return { ...rest, description: isSaid ? described.trim() : `${described}Default: ${JSON.stringify(value)}.`, example: rest['example'] ?? value };
}

function optionalStaysOptional(schema: Node): Node {
  const { properties, required } = schema;
  if (!isNode(properties)) return schema;
  const isRequired = (name: string) => Array.isArray(required) && required.includes(name);
  return { ...schema, properties: Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, isRequired(name) ? inner : withoutDefault(inner)])) };
}

/** Nest adds a required parameter for each header that a handler reads, beside the one that describes it. */
function withoutTwins(parameters: readonly unknown[]): readonly unknown[] {
  const nameOf = (parameter: unknown) => (isNode(parameter) && parameter['in'] === 'header' ? String(parameter['name']).toLowerCase() : undefined);
  const isDescribed = (parameter: unknown) => isNode(parameter) && 'description' in parameter;
  return parameters.filter((parameter, index) => {
    const name = nameOf(parameter);
    if (name === undefined || isDescribed(parameter)) return true;
    return !parameters.some((other, at) => at !== index && nameOf(other) === name && isDescribed(other));
  });
}

/** A handler of several paths gets `Health_read[1]`; generators make names of functions from it. */
function asName(operationId: string): string {
  return operationId.replace('[0]', '').replace(/\[(\d+)\]/, '_$1');
}

function mend(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(mend);
  if (!isNode(value)) return value;
  const entries = Object.entries(value).map(([key, inner]): [string, unknown] => {
    // what stands below an example is data, not schema
    if (key === 'example' || key === 'examples') return [key, inner];
    if (key === 'operationId' && typeof inner === 'string') return [key, asName(inner)];
    const mended = mend(inner);
    return [key, key === 'parameters' && Array.isArray(mended) ? withoutTwins(mended) : mended];
  });
  return optionalStaysOptional(allowNull(Object.fromEntries(entries)));
}

/** What @nestjs/swagger writes, as validators and generators of clients need it. */
export function mendDocument(document: OpenAPIObject): OpenAPIObject {
  return { ...document, ...(mend({ paths: document.paths, components: document.components }) as Pick<OpenAPIObject, 'paths' | 'components'>) }; // same shape
}

/** The parts of an OpenAPI document that Swagger UI reads to fill in its forms. */
export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, ApiOperation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

export interface ApiOperation {
  readonly summary?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, MediaType>> };
}

interface MediaType {
  readonly schema?: Schema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value?: unknown }>>;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema?: Schema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value?: unknown }>>;
}

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly example?: unknown;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
}

/** What Swagger UI makes up for a schema: an example, a default, the first allowed value, else a word of its type. */
function sample(schema: Schema | undefined, document: ApiDocument): unknown {
  if (!schema) return undefined;
  if (schema.$ref !== undefined) return sample(document.components?.schemas?.[schema.$ref.split('/').at(-1) ?? ''], document);
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined) return schema.default;
  if (schema.enum) return schema.enum[0];
  const alternative = schema.anyOf?.[0] ?? schema.oneOf?.[0];
  if (alternative) return sample(alternative, document);
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => sample(part, document)));
  switch (schema.type) {
    case 'string':
      return 'string';
    case 'integer':
    case 'number':
      return 0;
    case 'boolean':
      return true;
    case 'array':
      return [sample(schema.items, document)];
    default:
      return sampleObject(schema, document);
  }
}

function sampleObject(schema: Schema, document: ApiDocument): unknown {
  const more = schema.additionalProperties;
  const invented = more === undefined || more === false || schema.properties ? {} : { additionalProp1: more === true ? {} : sample(more, document) };
  const declared = Object.entries(schema.properties ?? {}).map(([name, inner]) => [name, sample(inner, document)]);
  return { ...Object.fromEntries(declared), ...invented };
}

function prefilledValue(parameter: Parameter, document: ApiDocument): unknown {
  if (parameter.example !== undefined) return parameter.example;
  const first = Object.values(parameter.examples ?? {})[0];
  if (first) return first.value;
  const { schema } = parameter;
  if (schema?.example !== undefined) return schema.example;
  if (schema?.default !== undefined) return schema.default;
  // an object's editor is never empty, whether or not the parameter is needed
  if (schema?.type === 'object' || parameter.required === true) return sample(schema, document);
  return undefined;
}

export interface PrefilledRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/**
 * The request that "Execute" sends when nothing was typed.
 * @param typed values for parameters of the path, which a person copies from an earlier answer
 */
export function prefilledRequest(path: string, operation: ApiOperation, document: ApiDocument, typed: Readonly<Record<string, string>>): PrefilledRequest {
  const query = new URLSearchParams();
  const headers: Record<string, string> = {};
  let filled = path;
  for (const parameter of operation.parameters ?? []) {
    const value = parameter.in === 'path' ? typed[parameter.name] ?? prefilledValue(parameter, document) : prefilledValue(parameter, document);
    if (value === undefined) continue;
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
    if (parameter.in === 'path') filled = filled.replace(`{${parameter.name}}`, encodeURIComponent(text));
    else if (parameter.in === 'header') headers[parameter.name] = text;
    else if (typeof value === 'object' && value !== null) for (const [key, inner] of Object.entries(value)) query.append(`${parameter.name}[${key}]`, String(inner));
    else query.append(parameter.name, text);
  }
  const media = operation.requestBody?.content['application/json'];
  const example = media?.example ?? Object.values(media?.examples ?? {})[0]?.value;
  const search = query.toString();
  return { path: search === '' ? filled : `${filled}?${search}`, headers, body: media ? example ?? sample(media.schema, document) : undefined };
}

import { applyDecorators, type Type } from '@nestjs/common';
import { ApiResponse, type ApiResponseOptions } from '@nestjs/swagger';

/** One error as the documents show it: in the app's dialect, as a caller would get it. */
export interface DocumentedError {
  readonly status: number;
  readonly body: object;
  /** Default: its name. */
  readonly summary?: string;
}

export interface ErrorDocsOptions<Name extends string> {
  readonly dto: Type;
  readonly errors: Readonly<Record<Name, DocumentedError>>;
  /** What each status means, for people. */
  readonly meanings: Readonly<Record<number, string>>;
  /** Those that every route may answer. */
  readonly everywhere: readonly NoInfer<Name>[];
  /** Those that every route with a body may answer. */
  readonly ofBodies: readonly NoInfer<Name>[];
  /** Those beside 429 and 503 that say `Retry-After`. */
  readonly retried?: readonly NoInfer<Name>[];
  readonly headers?: Readonly<Record<number, ApiResponseOptions['headers']>>;
  /** What an example is called; default its name in lower case. */
  readonly exampleName?: (name: Name) => string;
}

const RETRY_AFTER = { 'Retry-After': { description: 'Seconds, whole', schema: { type: 'integer' as const, minimum: 1 } } };

/** The decorators by which an app documents the errors of its routes, each status once with an example for each error. */
export function errorDocs<Name extends string>(options: ErrorDocsOptions<Name>) {
  const { dto, errors, meanings, everywhere, ofBodies, retried = [], headers = {}, exampleName = (name: Name) => name.toLowerCase() } = options;

  const response = (status: number, names: readonly Name[]) => {
    const examples = Object.fromEntries(names.map((name) => [exampleName(name), { summary: errors[name].summary ?? name, value: errors[name].body }]));
    const mayRetry = status === 429 || status === 503 || names.some((name) => retried.includes(name));
    const sent = headers[status] ?? (mayRetry ? RETRY_AFTER : undefined);
    return ApiResponse({ status, description: meanings[status] ?? '', type: dto, examples, ...(sent ? { headers: sent } : {}) });
  };

  /** The errors of a route: those that every route has, and these. */
  const ApiErrors = (...names: readonly Name[]): MethodDecorator => {
    const all = [...new Set([...everywhere, ...names])];
    const statuses = [...new Set(all.map((name) => errors[name].status))];
    return applyDecorators(...statuses.map((status) => response(status, all.filter((name) => errors[name].status === status))));
  };

  /** The same for a route that takes a body. */
  const ApiBodyErrors = (...names: readonly Name[]): MethodDecorator => ApiErrors(...ofBodies, ...names);

  return { ApiErrors, ApiBodyErrors };
}

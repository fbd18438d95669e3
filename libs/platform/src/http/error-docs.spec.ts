import { errorDocs } from './error-docs';

class ErrorDto {}
const { ApiErrors, ApiBodyErrors } = errorDocs({
  dto: ErrorDto,
  errors: {
    unauthenticated: { status: 401, body: { code: 'unauthenticated' } },
    TAKEN: { status: 409, body: { code: 'TAKEN' }, summary: 'the name is taken' },
    busy: { status: 409, body: { code: 'busy' } },
    too_large: { status: 413, body: { code: 'too_large' } },
    away: { status: 503, body: { code: 'away' } },
  },
  meanings: { 401: 'No credentials', 409: 'In the way', 413: 'Too large', 503: 'Try again' },
  everywhere: ['unauthenticated', 'away'],
  ofBodies: ['too_large'],
  retried: ['busy'],
});

class Routes {
  @ApiErrors('TAKEN', 'busy')
  read(): void {}
  @ApiBodyErrors('TAKEN')
  write(): void {}
}
/** Where Nest's decorator keeps them. */
const responsesOf = (name: 'read' | 'write') => Reflect.getMetadata('swagger/apiResponse', Routes.prototype[name]) as Record<number, { description: string; headers?: object; examples: object }>;

test('each status once, with an example for each error, those of every route included', () => {
  const responses = responsesOf('read');
  expect(Object.keys(responses)).toEqual(['401', '409', '503']);
  expect(responses[409]).toMatchObject({
    description: 'In the way',
    examples: { taken: { summary: 'the name is taken', value: { code: 'TAKEN' } }, busy: { summary: 'busy', value: { code: 'busy' } } },
  });
  expect(Object.keys(responsesOf('write'))).toEqual(['401', '409', '413', '503']);
});

test('whatever may be tried again says when', () => {
  expect(Object.keys(responsesOf('read')[409]?.headers ?? {})).toEqual(['Retry-After']);
  expect(responsesOf('read')[503]?.headers).toBeDefined();
  expect([responsesOf('write')[409]?.headers, responsesOf('write')[401]?.headers]).toEqual([undefined, undefined]);
});

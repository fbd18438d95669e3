import { parseFrame } from './frames';
import { PathPattern } from './upgrade';

describe('PathPattern', () => {
  const pattern = new PathPattern('/sessions/{id}/execute');
  test.each([
    ['/sessions/a/execute', { id: 'a' }],
    ['/sessions/a%2Fb/execute', { id: 'a/b' }],
    ['/sessions//execute', undefined],
    ['/sessions/a/execute/', undefined],
    ['/sessions/a/b/execute', undefined],
    ['/Sessions/a/execute', undefined],
  ])('%s', (path, params) => expect(pattern.match(path)).toEqual(params));

  test('bad percent-encoding throws', () => expect(() => pattern.match('/sessions/%zz/execute')).toThrow(URIError));
});

describe('parseFrame', () => {
  const reason = (text: string | Buffer) => {
    const parsed = parseFrame(Buffer.from(text), 'type', 8);
    return parsed.ok ? parsed.name : parsed.problem.kind === 'malformed' ? parsed.problem.reason : parsed.problem.kind;
  };
  test.each([
    ['', 'empty'],
    ['{', 'not_json'],
    ['{}{}', 'not_json'],
    ['null', 'not_object'],
    ['5', 'not_object'],
    ['{}', 'no_name'],
    ['{"type":""}', 'no_name'],
    ['{"type":["a"]}', 'no_name'],
    ['{"__proto__":{"type":"a"}}', 'no_name'],
    ['['.repeat(20_000), 'too_deep'],
    ['{"type":"ping"}', 'ping'],
  ])('%#', (text, expected) => expect(reason(text)).toBe(expected));

  test('bytes that are no UTF-8', () => expect(reason(Buffer.from([0xff, 0xfe]))).toBe('not_utf8'));
});

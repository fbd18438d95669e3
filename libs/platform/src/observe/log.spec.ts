import { createLog, withoutSecrets } from './log';
import { runInContext } from './request-context';

function linesOf(write: (log: ReturnType<typeof createLog>) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  write(createLog({ app: 'probe', replicaId: 'probe-1', level: 'info', destination: { write: (line: string) => void lines.push(line) } }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('a line says when, who, what, and for which request', () => {
  const [line] = runInContext({ correlationId: 'c-1', traceparent: undefined, sourceAddress: undefined }, () => linesOf((log) => log.info({ port: 1 }, 'ready')));
  expect(line).toEqual({ level: 'info', time: expect.stringMatching(/^\d{4}-.*Z$/), app: 'probe', replica: 'probe-1', correlation_id: 'c-1', port: 1, msg: 'ready' });
});

test.each(['token', 'Authorization', 'accessToken', 'refreshToken', 'auth_token', 'secret', 'PASSWORD', 'api_key', 'apiKey', 'key', 'cookie', 'X-API-Key'])('%s never reaches the log, at no level, in lists neither', (name) => {
  const secret = { [name]: 's3cret' };
  const [line] = linesOf((log) => log.info({ ...secret, a: { ...secret, b: { ...secret, list: [secret, { deep: secret }] } } }, 'x'));
  expect(JSON.stringify(line)).not.toContain('s3cret');
  expect(line).toMatchObject({ [name]: '[redacted]', a: { [name]: '[redacted]', b: { list: [{ [name]: '[redacted]' }, { deep: { [name]: '[redacted]' } }] } } });
});

test('what is too deep to be looked at is not shown', () => {
  const [line] = linesOf((log) => log.info({ a: { b: { c: { d: { e: { f: { token: 's3cret' } } } } } } }, 'x'));
  expect(line?.['a']).toEqual({ b: { c: { d: { e: { f: '[not shown: too deep]' } } } } });
});

test('fields without secrets are handed on as they are, and nothing that was given is changed', () => {
  const harmless = { count: 1, names: ['a'], at: new Date(0), nothing: undefined, none: null, bytes: Buffer.from('a') };
  expect(withoutSecrets(harmless)).toBe(harmless);
  const given = { a: { token: 't' } };
  withoutSecrets(given);
  expect(given).toEqual({ a: { token: 't' } });
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  const list: unknown[] = [];
  list.push(list);
  expect(JSON.stringify([withoutSecrets(circle), withoutSecrets({ list }), withoutSecrets({ list: [circle] })]).match(/too deep/g)).toHaveLength(3);
});

test('an error shows name, message, code and stack, without credentials of addresses', () => {
  const error = Object.assign(new Error('cannot reach mongodb://user:pass@host/db?token=abc'), { code: 'X', command: { password: 'p' } });
  const [line] = linesOf((log) => log.error({ err: error }, 'x'));
  expect(line?.['err']).toMatchObject({ type: 'Error', code: 'X', message: 'cannot reach mongodb://[redacted]@host/db?token=[redacted]' });
  expect(JSON.stringify(line)).not.toMatch(/user:pass|"p"/);
});

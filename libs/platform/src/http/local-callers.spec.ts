import { LocalCallers } from './local-callers';

const off = new LocalCallers({ AUTH_MODE: 'off', CORS_ORIGINS: ['http://tool.example'] });
const passes = (host: string | undefined, origin?: string, callers = off) => {
  try {
    callers.check({ ...(host === undefined ? {} : { host }), ...(origin === undefined ? {} : { origin }) });
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'forbidden' });
    return false;
  }
};

test.each([
  ['localhost:8002', true],
  ['LOCALHOST', true],
  ['127.0.0.1:8002', true],
  ['127.1.2.3', true],
  ['[::1]:8002', true],
  ['fleet.localhost:3305', true],
  ['evil.example:8002', false],
  ['127.0.0.1.evil.example', false],
  ['localhost.evil.example', false],
  ['10.0.0.1:8002', false],
  ['', false],
  ['evil.example/@localhost', false],
  [undefined, false],
])('Host %s: %s', (host, expected) => expect(passes(host)).toBe(expected));

test.each([
  ['http://127.0.0.1:8002', true],
  ['http://tool.example', true],
  ['http://localhost:3000', false],
  ['http://evil.example', false],
  ['http://127.0.0.1:8002.evil.example', false],
  ['null', false],
  ['', false],
])('Origin %s: %s', (origin, expected) => expect(passes('127.0.0.1:8002', origin)).toBe(expected));

test('with credentials required every Host and Origin passes', () => {
  const required = new LocalCallers({ AUTH_MODE: 'required', CORS_ORIGINS: [] });
  expect(passes('evil.example', 'http://evil.example', required)).toBe(true);
});

test.each([
  ['cross-site', 'image', false],
  ['same-site', 'empty', false],
  ['cross-site', 'iframe', false],
  ['cross-site', 'document', true],
  ['same-origin', 'empty', true],
  ['none', 'document', true],
])('without Origin, Sec-Fetch-Site %s, Sec-Fetch-Dest %s: %s', (site, dest, expected) => {
  const check = () => off.check({ host: 'localhost', 'sec-fetch-site': site, 'sec-fetch-dest': dest });
  if (expected) expect(check).not.toThrow();
  else expect(check).toThrow('pages of other origins');
});

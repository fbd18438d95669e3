import { publicUrl } from './env';

test.each([
  ['as configured, path prefix included', { HOST: '0.0.0.0', AIWM_PORT: 3305, AIWM_PUBLIC_URL: 'https://host/dev/aiwm' }, 'https://host/dev/aiwm'],
  ['host and port', { HOST: '10.0.0.7', AIWM_PORT: 3305, AIWM_PUBLIC_URL: undefined }, 'http://10.0.0.7:3305'],
  ['loopback for a wildcard host', { HOST: '0.0.0.0', AIWM_PORT: 3305, AIWM_PUBLIC_URL: undefined }, 'http://127.0.0.1:3305'],
  ['the same for IPv6', { HOST: '::', AIWM_PORT: 3305, AIWM_PUBLIC_URL: undefined }, 'http://127.0.0.1:3305'],
  ['brackets around IPv6, and the port that the system chose', { HOST: '::1', AIWM_PORT: 0, AIWM_PUBLIC_URL: undefined }, 'http://[::1]:41234'],
])('the address that agents are told: %s', (_name, env, expected) => {
  expect(publicUrl(env, 41_234)).toBe(expected);
});

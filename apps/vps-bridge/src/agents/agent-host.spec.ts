import { AddressPolicy } from '@agentfleet/platform';
import { agentUrl, hostProblem } from './agent-host';

const strict = new AddressPolicy({ allowLoopback: false, denyCidrs: [] });
const open = new AddressPolicy({ allowLoopback: true, denyCidrs: [] });

describe('hostProblem', () => {
  it('says how to allow loopback', () => {
    expect(hostProblem('127.0.0.1', strict)).toBe('must not be a loopback address (set VPS_ALLOW_LOOPBACK=true to allow it)');
    expect(hostProblem('[::1]', strict)).toContain('VPS_ALLOW_LOOPBACK');
    expect(hostProblem('127.0.0.1', open)).toBeUndefined();
  });

  it('judges literal addresses, but does not resolve names', () => {
    expect(hostProblem('169.254.169.254', open)).toContain('may not call');
    expect(hostProblem('localhost', strict)).toBeUndefined();
    expect(hostProblem('http://x', strict)).toContain('without scheme');
  });
});

it('writes IPv6 in brackets', () => {
  expect(agentUrl({ protocol: 'http', host: '192.168.1.100', port: 5000 })).toBe('http://192.168.1.100:5000');
  expect(agentUrl({ protocol: 'https', host: '::1', port: 443 })).toBe('https://[::1]:443');
  expect(agentUrl({ protocol: 'https', host: '[::1]', port: 443 })).toBe('https://[::1]:443');
});

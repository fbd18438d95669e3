import type { LookupAddress } from 'node:dns';
import { AddressPolicy } from './address-policy';
import { ADDRESS_DENIED, checkedLookup } from './checked-connector';
import { InsideHosts } from './inside-hosts';

describe('checkedLookup', () => {
  const policy = new AddressPolicy({ allowLoopback: false, denyCidrs: [] });
  function look(answers: LookupAddress[] | Error, options: { all?: boolean }) {
    const resolve = () => (answers instanceof Error ? Promise.reject(answers) : Promise.resolve(answers));
    return new Promise<unknown[]>((settle) => checkedLookup(policy, resolve)('agent.example', options, (...args) => settle(args)));
  }
  const good: LookupAddress = { address: '10.0.0.1', family: 4 };

  it('hands on what is allowed, in the form that is asked for', async () => {
    expect(await look([good], { all: true })).toEqual([null, [good]]);
    expect(await look([good], {})).toEqual([null, '10.0.0.1', 4]);
  });

  it('denies a name of which one address is denied', async () => {
    for (const address of ['169.254.169.254', '127.0.0.1']) {
      const [error] = await look([good, { address, family: 4 }], { all: true });
      expect(error).toMatchObject({ code: ADDRESS_DENIED });
    }
  });

  it('passes on that a name does not resolve', async () => {
    expect(await look(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), { all: true })).toMatchObject([{ code: 'ENOTFOUND' }, []]);
  });
});

describe('InsideHosts', () => {
  const inside = new InsideHosts(new AddressPolicy({ allowLoopback: true, denyCidrs: [] }));
  inside.resolved('Mixed.example', [{ address: '8.8.8.8', family: 4 }, { address: '10.0.0.1', family: 4 }]);
  inside.resolved('public.example', [{ address: '8.8.8.8', family: 4 }]);

  it.each([
    ['http://127.0.0.1:80', true],
    ['http://[::1]:80', true],
    ['https://192.168.1.5:5000', true],
    ['http://[fd12::1]:80', true],
    ['http://MIXED.example:80', true],
    ['http://unknown.example:80', true],
    ['http://public.example:80', false],
    ['http://8.8.8.8:80', false],
    ['http://[2001:db8::1]:80', false],
  ])('%s: %s', (url, expected) => expect(inside.has(url)).toBe(expected));
});

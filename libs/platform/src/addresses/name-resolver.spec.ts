import type { LookupAddress } from 'node:dns';
import { NameResolver, type ResolverPorts } from './name-resolver';

const failing = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }));
const asked: string[] = [];

function resolver(over: Partial<ResolverPorts> = {}): NameResolver {
  asked.length = 0;
  return new NameResolver({
    resolve4: (name) => (asked.push(`4 ${name}`), Promise.resolve(['192.0.2.1'])),
    resolve6: failing('ENODATA'),
    lookup: (name) => (asked.push(`system ${name}`), Promise.resolve([{ address: '192.0.2.9', family: 4 }])),
    readHosts: () => Promise.resolve('127.0.0.1 localhost # own.example\n10.0.0.1 a.example B.example\n'),
    ...over,
  });
}

it('asks the DNS without the operating system', async () => {
  expect(await resolver({ resolve6: () => Promise.resolve(['2001:db8::1']) }).resolve('x.example')).toEqual([
    { address: '192.0.2.1', family: 4 },
    { address: '2001:db8::1', family: 6 },
  ]);
  expect(await resolver().resolve('own.example')).toEqual([{ address: '192.0.2.1', family: 4 }]);
  expect(await resolver({ resolve4: failing('ENODATA'), resolve6: () => Promise.resolve(['2001:db8::1']) }).resolve('x.example')).toEqual([{ address: '2001:db8::1', family: 6 }]);
  expect(asked).toEqual([]);
});

it.each(['localhost', 'b.EXAMPLE', 'printer.local'])('leaves %s to the operating system', async (name) => {
  expect(await resolver().resolve(name)).toEqual([{ address: '192.0.2.9', family: 4 }]);
});

it('asks the operating system for what the DNS does not know, but not when the DNS hangs', async () => {
  expect(await resolver({ resolve4: failing('ENOTFOUND') }).resolve('service.namespace')).toEqual([{ address: '192.0.2.9', family: 4 }]);
  await expect(resolver({ resolve4: failing('ETIMEOUT') }).resolve('x.example')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  expect(asked).toEqual([]);
});

it('asks once for simultaneous questions, and holds two threads at most', async () => {
  const one = resolver();
  await Promise.all(Array.from({ length: 50 }, () => one.resolve('x.example')));
  expect(asked).toEqual(['4 x.example']);
  let now = 0;
  let most = 0;
  const slow = resolver({
    lookup: async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
      const found: LookupAddress[] = [];
      return found;
    },
  });
  await Promise.all(Array.from({ length: 9 }, (_, n) => slow.resolve(`host${n}`)));
  expect(most).toBe(2);
});

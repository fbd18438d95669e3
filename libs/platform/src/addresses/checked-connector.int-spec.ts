import type { LookupAddress } from 'node:dns';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { AddressPolicy } from './address-policy';
import { CheckedConnector } from './checked-connector';
import { NameResolver } from './name-resolver';

let server: Server;
let port: number;
const guests: string[] = [];

beforeAll(async () => {
  server = createServer((socket) => {
    guests.push(socket.localAddress ?? '');
    socket.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo); // a TCP server's address is never a string
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => void guests.splice(0));

const strict = new AddressPolicy({ allowLoopback: false, denyCidrs: [] });
const open = new AddressPolicy({ allowLoopback: true, denyCidrs: ['127.0.0.9'] });
const v4 = (address: string): LookupAddress => ({ address, family: 4 });

/** A name server that gives each answer once and keeps the last one. */
function names(...answers: readonly (readonly LookupAddress[])[]): { asked: () => number; resolver: NameResolver } {
  let asked = 0;
  const lookup = () => Promise.resolve(answers[Math.min(asked++, answers.length - 1)] ?? []);
  const never = () => Promise.reject(new Error('not asked in these specs'));
  return { asked: () => asked, resolver: new NameResolver({ resolve4: never, resolve6: never, lookup, readHosts: () => Promise.resolve('') }) };
}

function connect(policy: AddressPolicy, resolver: NameResolver, hostname = 'rebinding'): Promise<string> {
  const { connect: connector } = new CheckedConnector(policy, 1000, resolver);
  return new Promise((resolve) => {
    connector({ hostname, host: `${hostname}:${port}`, protocol: 'http:', port: String(port) }, (error, socket) => {
      socket?.destroy();
      resolve(error === null ? 'connected' : 'code' in error ? String(error.code) : error.message);
    });
  });
}

it('connects to the address that was checked, and asks for it once', async () => {
  const { asked, resolver } = names([v4('127.0.0.1')], [v4('169.254.169.254')]);
  expect(await connect(open, resolver)).toBe('connected');
  expect([asked(), guests]).toEqual([1, ['127.0.0.1']]);
  expect(await connect(open, resolver)).toBe('AGENTFLEET_ADDRESS_DENIED'); // the next connection is judged by its own answer
  expect(guests).toHaveLength(1);
});

it.each<[string, readonly LookupAddress[]]>([
  ['a loopback address', [v4('127.0.0.1')]],
  ['one denied address among allowed ones', [v4('192.0.2.1'), v4('169.254.169.254')]],
  ['a denied address first', [v4('127.0.0.1'), v4('192.0.2.1')]],
  ['a denied IPv4 address inside IPv6', [{ address: '::ffff:127.0.0.1', family: 6 }]],
  ['a denied IPv4 address behind NAT64', [v4('192.0.2.1'), { address: '64:ff9b::7f00:1', family: 6 }]],
  ['a denied IPv4 address in 6to4', [{ address: '2002:7f00:1::', family: 6 }]],
])('a name with %s reaches nobody', async (_name, addresses) => {
  const { asked, resolver } = names(addresses);
  expect(await connect(strict, resolver)).toBe('AGENTFLEET_ADDRESS_DENIED');
  expect([asked(), guests]).toEqual([1, []]);
});

it('judges literal addresses, which nobody looks up, and lets the deny list win', async () => {
  const { asked, resolver } = names([v4('127.0.0.1')]);
  for (const literal of ['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]']) expect(await connect(strict, resolver, literal)).toBe('AGENTFLEET_ADDRESS_DENIED');
  expect(await connect(open, resolver, '127.0.0.9')).toBe('AGENTFLEET_ADDRESS_DENIED');
  expect(await connect(open, resolver, '127.0.0.1')).toBe('connected');
  expect([asked(), guests]).toEqual([0, ['127.0.0.1']]);
});

it('a name without any address is not found', async () => {
  expect(await connect(open, names([]).resolver)).toBe('ENOTFOUND');
});

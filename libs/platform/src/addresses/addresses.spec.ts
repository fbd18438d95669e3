import fc from 'fast-check';
import { AddressPolicy, isCidr } from './address-policy';
import { judgeHost, parseHost } from './host';
import { embeddedIpv4, ipv6Bytes } from './ip-address';

const strict = new AddressPolicy({ allowLoopback: false, denyCidrs: ['10.9.0.0/16', 'fd99::/16', '203.0.113.7'] });
const open = new AddressPolicy({ allowLoopback: true, denyCidrs: ['127.0.0.2'] });

describe('parseHost', () => {
  it.each(['192.168.1.100', '8.8.8.8', '::1', '[::1]', '2001:db8::5', '[2001:db8:0:0:0:0:0:5]', '::ffff:1.2.3.4'])('%s is an address', (host) =>
    expect(parseHost(host).kind).toBe('address'),
  );
  it.each(['localhost', 'agent', 'a.b.example.org', 'under_score.example', '1password.com', 'x'.repeat(63), 'A-1.lan', '0x7f.example'])('%s is a name', (host) =>
    expect(parseHost(host).kind).toBe('name'),
  );
  it.each([
    '',
    ' ',
    'http://x',
    'x:80',
    'x/y',
    'x?y',
    'x#y',
    'user@x',
    'a b',
    'a\tb',
    'a\u0000',
    '..',
    'a..b',
    '.a',
    'a.',
    '2852039166',
    '0xa9fea9fe',
    '0251.0376.0251.0376',
    '127.1',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    'fe80::1%eth0',
    '[fe80::1%eth0]',
    '[::1',
    '[1.2.3.4]',
    '[name]',
    '::g',
    'ü.example',
    'x'.repeat(64),
    `${'a.'.repeat(127)}b`,
  ])('%j is neither', (host) => expect(parseHost(host).kind).toBe('neither'));
});

describe('AddressPolicy', () => {
  it.each([
    '0.0.0.0',
    '0.1.2.3',
    '169.254.169.254',
    '224.0.0.1',
    '255.255.255.255',
    '192.0.0.192',
    '100.100.100.200',
    '::',
    'fe80::1',
    'febf::1',
    'ff02::1',
    'fd00:ec2::254',
    '::ffff:169.254.169.254',
    '::169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    '2001:0:a9fe:a9fe::1',
    '2001:0:102:304:0:0:5601:5601',
    '10.9.3.4',
    'fd99::1',
    '203.0.113.7',
    '::ffff:203.0.113.7',
    '168.63.129.16',
    'fd20:ce::254',
    'fd00:ec2::23',
    'fd00:42::42',
    '::ffff:0:a9fe:a9fe',
    '::ffff:0:169.254.169.254',
    '::ffff:0:0:a9fe:a9fe',
    '::1:0:a9fe:a9fe',
    '64:ff9b::168.63.129.16',
    '64:ff9b:1::a9fe:a9fe',
    '64:ff9b:1:ffff:ff:ffff:a9fe:a9fe',
    '64:ff9b:1:a9fe:a9:fe00::',
    '64:ff9b:1:a9fe:a9:fe00:1:2',
    '64:ff9b:1:a9:fe:a9fe::',
    '64:ff9b:1::a9:fea9:fe00:0',
    '64:ff9b:1::',
    '2001:db8::5efe:a9fe:a9fe',
    '2001:db8:1:2:200:5efe:169.254.169.254',
    'fd12::0:5efe:a83f:8110',
    '2002:102:304::5efe:a9fe:a9fe',
    '2002:a83f:8110::',
    '2001:0:102:304:0:0:57c0:7eef',
    '::168.63.129.16',
    'fe80::1%eth0',
    '::1%lo',
    '::ffff:127.0.0.1%lo',
    '127.0.0.1%lo',
    'not an address',
  ])('always denies %s', (address) => {
    expect(strict.judge(address)).toBe('denied');
  });

  it.each(['127.0.0.1', '127.255.0.9', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '::127.0.0.1', '::ffff:0:7f00:1', '64:ff9b:1::7f00:1', '64:ff9b:1:7f00:0:100::', '2002:7f00:1::', '2001:0:102:304:0:0:80ff:fffe', '2001:db8::5efe:7f00:1', '2001:db8::200:5efe:127.0.0.1'])('denies loopback %s unless it is allowed', (address) => {
    expect(strict.judge(address)).toBe('loopback');
    expect(open.judge(address)).toBe('allowed');
  });

  it.each(['10.0.0.1', '192.168.1.1', '172.16.0.1', '8.8.8.8', '100.64.0.1', 'fd12::1', '2001:db8::1', '::ffff:8.8.8.8', '168.63.129.17', '::ffff:0:808:808', '64:ff9b:1::a00:1', '64:ff9b:1:a00:0:100::', '2001:db8::5efe:808:808', '2001:db8::5eff:a9fe:a9fe', '2001:db8::a9fe:a9fe', 'fd20:ce::1'])('allows %s', (address) =>
    expect(strict.judge(address)).toBe('allowed'),
  );

  it.each(['127.0.0.1', '::1', '10.1.2.3', '172.31.0.1', '192.168.0.1', '100.64.0.1', 'fd12::1', '::ffff:10.0.0.1', '64:ff9b::c0a8:1', '2002:a00:1::', '2001:db8::5efe:a00:1'])('%s is inside', (address) =>
    expect(open.isInside(address)).toBe(true),
  );
  it.each(['8.8.8.8', '172.32.0.1', '2001:db8::1', '::ffff:8.8.8.8', 'name'])('%s is outside', (address) => expect(open.isInside(address)).toBe(false));

  it('lets the deny list beat the loopback switch', () => expect(open.judge('127.0.0.2')).toBe('denied'));

  it('judges an address the same however it is wrapped', () => {
    const octet = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(octet, octet, octet, octet, (a, b, c, d) => {
        const ipv4 = `${a}.${b}.${c}.${d}`;
        const verdict = strict.judge(ipv4);
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        expect(strict.judge(`::ffff:${ipv4}`)).toBe(verdict);
        expect(strict.judge(`64:ff9b::${hex}`)).toBe(verdict);
        expect(strict.judge(`2002:${hex}::`)).toBe(verdict);
        expect(strict.judge(`::ffff:0:${ipv4}`)).toBe(verdict);
        expect(strict.judge(`2001:db8::5efe:${hex}`)).toBe(verdict);
        expect(embeddedIpv4(ipv6Bytes(`::ffff:${hex}`) ?? [])).toEqual([ipv4]);
      }),
    );
  });
});

it('judges a host without resolving it', () => {
  const judged = ['127.0.0.1', '[::1]', '169.254.169.254', '192.0.2.1', 'localhost', 'http://x'].map((host) => [host, judgeHost(host, strict)]);
  expect(judged).toEqual([['127.0.0.1', 'loopback'], ['[::1]', 'loopback'], ['169.254.169.254', 'denied'], ['192.0.2.1', 'allowed'], ['localhost', 'allowed'], ['http://x', 'no_host']]);
});

it('knows CIDRs', () => {
  expect(['10.0.0.0/8', 'fd00::/8', '1.2.3.4', '::1/128'].every(isCidr)).toBe(true);
  expect(['10.0.0.0/33', 'x/8', '10.0.0.0/8/8', '', '10.0.0.0/'].some(isCidr)).toBe(false);
});

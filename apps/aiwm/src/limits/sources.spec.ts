import { sourceOf } from './sources';

test('an IPv4 address is one source, and so is a /64 network of IPv6', () => {
  expect(sourceOf('192.0.2.7')).toBe('192.0.2.7');
  expect(sourceOf('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
  expect(sourceOf('2001:0db8:0001:0002::1')).toBe('2001:db8:1:2::/64');
  expect(sourceOf('2001:db8:1::5')).toBe('2001:db8:1:0::/64');
  expect(sourceOf('::1')).toBe('0:0:0:0::/64');
  expect(sourceOf('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
  expect(sourceOf('unknown')).toBe('unknown');
});

import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { SourceAddress } from './source-address';

function request(peer: string, forwardedFor?: string): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: peer });
  const made = new IncomingMessage(socket);
  if (forwardedFor !== undefined) made.headers['x-forwarded-for'] = forwardedFor;
  return made;
}

const behind = new SourceAddress(['127.0.0.0/8', '10.0.0.0/8']);

test.each([
  ['198.51.100.4', '198.51.100.4'],
  ['198.51.100.4:1234', '198.51.100.4'],
  ['2001:db8::1', '2001:db8::1'],
  ['[2001:db8::1]', '2001:db8::1'],
  ['[2001:db8::1]:443', '2001:db8::1'],
  ['::ffff:198.51.100.4', '198.51.100.4'],
  ['1.2.3.4, 198.51.100.4, 10.0.0.7:80', '198.51.100.4'],
  ['198.51.100.4, nonsense', '127.0.0.1'],
  ['', '127.0.0.1'],
])('X-Forwarded-For: %s', (header, expected) => expect(behind.of(request('127.0.0.1', header))).toBe(expected));

test('counts from trusted proxies only', () => {
  expect(behind.of(request('203.0.113.9', '198.51.100.4'))).toBe('203.0.113.9');
  expect(new SourceAddress([]).of(request('::ffff:127.0.0.1', '198.51.100.4'))).toBe('127.0.0.1');
});

import { isIPv6 } from 'node:net';

/** The 16 bytes of an IPv6 address without brackets and zone, or null when it is none. */
export function ipv6Bytes(text: string): readonly number[] | null {
  if (!isIPv6(text) || text.includes('%')) return null;
  const [head = '', tail] = withoutDottedPart(text).split('::');
  const before = groups(head);
  if (tail === undefined) return before.flatMap(toBytes);
  const after = groups(tail);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0);
  return [...before, ...zeros, ...after].flatMap(toBytes);
}

function groups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => parseInt(group, 16));
}

function toBytes(group: number): readonly [number, number] {
  return [group >> 8, group & 0xff];
}

/** `::ffff:1.2.3.4` as `::ffff:102:304`. */
function withoutDottedPart(text: string): string {
  const start = text.lastIndexOf(':') + 1;
  const dotted = text.slice(start);
  if (!dotted.includes('.')) return text;
  const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number);
  return `${text.slice(0, start)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

/** The IPv4 addresses that an IPv6 address carries: mapped, compatible, 64:ff9b::/96, 6to4, Teredo (server and client). */
export function embeddedIpv4(bytes: readonly number[]): readonly string[] {
  const at = (start: number, mask = 0) => bytes.slice(start, start + 4).map((byte) => byte ^ mask).join('.');
  const begins = (...prefix: number[]) => prefix.every((byte, index) => bytes[index] === byte);
  const zeros = (from: number, to: number) => bytes.slice(from, to).every((byte) => byte === 0);
  if (zeros(0, 10) && bytes[10] === 0xff && bytes[11] === 0xff) return [at(12)];
  if (zeros(0, 12)) return zeros(12, 16) || (zeros(12, 15) && bytes[15] === 1) ? [] : [at(12)];
  if (begins(0x00, 0x64, 0xff, 0x9b) && zeros(4, 12)) return [at(12)];
  if (begins(0x20, 0x02)) return [at(2)];
  if (begins(0x20, 0x01, 0x00, 0x00)) return [at(4), at(12, 0xff)];
  return [];
}

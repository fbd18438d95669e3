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

const UNSPECIFIED = /^0\./;

/**
 * The IPv4 addresses that an IPv6 address carries, in every form that some router or translator turns into them: mapped,
 * compatible, SIIT (`::ffff:0:a.b.c.d`), 64:ff9b::/96, local-use NAT64, 6to4, Teredo (server and client), ISATAP.
 */
export function embeddedIpv4(bytes: readonly number[]): readonly string[] {
  const pick = (...places: number[]) => places.map((place) => bytes[place] ?? 0).join('.');
  const begins = (...prefix: number[]) => prefix.every((byte, index) => bytes[index] === byte);
  const last = pick(12, 13, 14, 15);
  const found: string[] = [];
  if (begins(0x00, 0x64, 0xff, 0x9b, 0x00, 0x01)) found.push(...localNat64(pick));
  else if (begins(0x00) && !isUnspecifiedOrLoopback(bytes)) found.push(last); // all of ::/8 is for such forms
  if (begins(0x20, 0x02)) found.push(pick(2, 3, 4, 5));
  if (begins(0x20, 0x01, 0x00, 0x00)) found.push(pick(4, 5, 6, 7), bytes.slice(12).map((byte) => byte ^ 0xff).join('.'));
  const [group = 0, zero, isatap, tap] = bytes.slice(8);
  if ((group & 0xfc) === 0 && zero === 0 && isatap === 0x5e && tap === 0xfe) found.push(last);
  return [...new Set(found)];
}

/**
 * Where RFC 6052 puts the IPv4 address depends on the length that the operator chose (48, 56, 64 or 96) and that nobody else
 * knows. Readings that begin with 0 are the padding of another one.
 */
function localNat64(pick: (...places: number[]) => string): readonly string[] {
  const readings = [pick(6, 7, 9, 10), pick(7, 9, 10, 11), pick(9, 10, 11, 12), pick(12, 13, 14, 15)];
  const plausible = readings.filter((reading) => !UNSPECIFIED.test(reading));
  return plausible.length === 0 ? readings : plausible;
}

function isUnspecifiedOrLoopback(bytes: readonly number[]): boolean {
  return bytes.slice(0, 15).every((byte) => byte === 0) && (bytes[15] ?? 0) <= 1;
}

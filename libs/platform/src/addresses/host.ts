import { isIPv4 } from 'node:net';
import { ipv6Bytes } from './ip-address';
import type { AddressPolicy, AddressVerdict } from './address-policy';

export type ParsedHost = { readonly kind: 'address'; readonly address: string } | { readonly kind: 'name' } | { readonly kind: 'neither' };

const LABEL = /^[A-Za-z0-9_-]{1,63}$/;
const NUMBER_LIKE = /^(?:[0-9]+|0[xX].*)$/;

/**
 * A host as it may be registered: dotted decimal IPv4 without leading zeros, IPv6 (brackets allowed, no zone), or a name
 * whose last label cannot be taken for a number by any resolver.
 */
export function parseHost(host: string): ParsedHost {
  const bare = withoutBrackets(host);
  if (bare !== null) return ipv6Bytes(bare) === null ? { kind: 'neither' } : { kind: 'address', address: bare };
  if (isIPv4(host)) return { kind: 'address', address: host };
  if (host.includes(':')) return ipv6Bytes(host) === null ? { kind: 'neither' } : { kind: 'address', address: host };
  const labels = host.split('.');
  const isName = host.length <= 253 && URL.canParse(`http://${host}`) && labels.every((label) => LABEL.test(label)) && !NUMBER_LIKE.test(labels.at(-1) ?? '');
  return isName ? { kind: 'name' } : { kind: 'neither' };
}

function withoutBrackets(host: string): string | null {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : null;
}

/** What may be said of a host before anybody connects to it: a name is `allowed`, its addresses are judged then. */
export function judgeHost(host: string, policy: AddressPolicy): AddressVerdict | 'no_host' {
  const parsed = parseHost(host);
  if (parsed.kind === 'neither') return 'no_host';
  return parsed.kind === 'name' ? 'allowed' : policy.judge(parsed.address);
}

import { isIP, isIPv4 } from 'node:net';
import { ipv6Bytes } from './ip-address';
import type { AddressPolicy } from './address-policy';

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

/** What is wrong with a host at registration, or null. Names are judged when they are connected to. */
export function hostProblem(host: string, policy: AddressPolicy): string | null {
  const parsed = parseHost(host);
  if (parsed.kind === 'neither') return 'must be a host name or an IP address, without scheme, port or path';
  if (parsed.kind === 'name') return null;
  switch (policy.judge(parsed.address)) {
    case 'allowed':
      return null;
    case 'loopback':
      return 'must not be a loopback address (set VPS_ALLOW_LOOPBACK=true to allow it)';
    case 'denied':
      return 'must not be an address that the bridge may not call';
  }
}

/** `protocol://host:port`, IPv6 in brackets. */
export function agentUrl(agent: { readonly protocol: string; readonly host: string; readonly port: number }): string {
  const host = isIP(agent.host) === 6 ? `[${agent.host}]` : agent.host;
  return `${agent.protocol}://${host}:${agent.port}`;
}

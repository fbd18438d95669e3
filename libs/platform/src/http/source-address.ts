import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** The address that limits and audit name: the peer's, or `X-Forwarded-For` when the peer is a trusted proxy. */
export class SourceAddress {
  private readonly trusted = new BlockList();
  /** A look-up costs more than most of a request's own work; most deployments trust nobody. */
  private readonly trustsAny: boolean;

  /** @param trustedProxies CIDRs or plain addresses */
  constructor(trustedProxies: readonly string[]) {
    this.trustsAny = trustedProxies.length > 0;
    for (const entry of trustedProxies) {
      const [address = '', bits] = entry.split('/');
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      if (bits === undefined) this.trusted.addAddress(address, family);
      else this.trusted.addSubnet(address, Number(bits), family);
    }
  }

  /** Walks the header from the right and stops at the first hop that is no trusted proxy. */
  of(request: IncomingMessage): string {
    let address = plain(request.socket.remoteAddress ?? 'unknown');
    if (!this.isTrusted(address)) return address;
    const header = request.headers['x-forwarded-for'];
    const hops = (Array.isArray(header) ? header.join(',') : header ?? '').split(',').map((hop) => withoutPort(hop.trim()));
    for (const hop of hops.reverse()) {
      if (isIP(hop) === 0) break;
      address = plain(hop);
      if (!this.isTrusted(address)) break;
    }
    return address;
  }

  private isTrusted(address: string): boolean {
    if (!this.trustsAny) return false;
    const family = isIP(address);
    return family !== 0 && this.trusted.check(address, family === 6 ? 'ipv6' : 'ipv4');
  }
}

/** Some proxies write `198.51.100.4:1234`, `[2001:db8::1]` and `[2001:db8::1]:1234`. */
function withoutPort(hop: string): string {
  return /^\[([^\]]+)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop;
}

/** IPv4 peers of a dual-stack socket come as `::ffff:a.b.c.d`. */
function plain(address: string): string {
  return address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
}

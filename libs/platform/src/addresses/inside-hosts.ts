import { isIP } from 'node:net';
import type { LookupAddress } from 'node:dns';
import { LRUCache } from 'lru-cache';
import type { AddressPolicy } from './address-policy';

const MAX_NAMES = 10_000;

/** Which hosts are on this machine or in a private network, by what their names last resolved to. */
export class InsideHosts {
  private readonly names = new LRUCache<string, boolean>({ max: MAX_NAMES });

  constructor(private readonly policy: AddressPolicy) {}

  /** Of a name with several addresses one is enough. */
  resolved(hostname: string, addresses: readonly LookupAddress[]): void {
    this.names.set(hostname.toLowerCase(), addresses.some(({ address }) => this.policy.isInside(address)));
  }

  /** A name that is not known counts as inside: then less is told, not more. */
  has(url: string): boolean {
    const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
    return isIP(host) === 0 ? (this.names.get(host) ?? true) : this.policy.isInside(host);
  }
}

import type { LookupAddress, LookupOptions } from 'node:dns';
import { isIP } from 'node:net';
import { isNativeError } from 'node:util/types';
import { buildConnector } from 'undici';
import type { AddressPolicy } from './address-policy';
import { InsideHosts } from './inside-hosts';
import { mendInterimAnswers } from './interim-answers';
import { NameNotFoundError, NameResolver } from './name-resolver';

export const ADDRESS_DENIED = 'AGENTFLEET_ADDRESS_DENIED';

class AddressDeniedError extends Error {
  readonly code = ADDRESS_DENIED;
  constructor() {
    super('The address policy refuses the address');
  }
}

type LookupDone = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;

/** Resolves a name once and hands on only what the policy allows: one denied address denies the name. */
export function checkedLookup(policy: AddressPolicy, resolve: (name: string) => Promise<readonly LookupAddress[]>, inside?: InsideHosts) {
  return (hostname: string, options: LookupOptions, done: LookupDone): void => {
    resolve(hostname).then(
      (addresses) => {
        inside?.resolved(hostname, addresses);
        if (addresses.some(({ address }) => policy.judge(address) !== 'allowed')) return done(new AddressDeniedError(), []);
        const [first] = addresses;
        if (first === undefined) return done(new NameNotFoundError('The name has no address'), []);
        if (options.all === true) return done(null, [...addresses]);
        return done(null, first.address, first.family);
      },
      (error: unknown) => done(isNativeError(error) ? error : new Error('The name could not be resolved'), []),
    );
  };
}

/**
 * Connections for undici's `Agent({ connect })` to addresses that somebody gave us, only as far as the policy allows them. A
 * name is resolved here, once for each connection, and connected to only at an address that was judged. Literal addresses,
 * which are never looked up, are judged before connecting. Certificates are verified against the name. A refusal's code is
 * `ADDRESS_DENIED`.
 */
export class CheckedConnector {
  readonly connect: buildConnector.connector;
  private readonly inside: InsideHosts;

  constructor(policy: AddressPolicy, connectTimeoutMs: number, names = new NameResolver()) {
    this.inside = new InsideHosts(policy);
    const lookup = checkedLookup(policy, (name) => names.resolve(name), this.inside);
    const options = { timeout: connectTimeoutMs, lookup, autoSelectFamily: true };
    const connect = buildConnector(options as buildConnector.BuildOptions); // its type lacks `lookup`, which goes on to net.connect
    this.connect = (target, callback) => {
      const literal = target.hostname.replace(/^\[(.*)\]$/, '$1');
      if (isIP(literal) !== 0 && policy.judge(literal) !== 'allowed') {
        queueMicrotask(() => callback(new AddressDeniedError(), null));
        return;
      }
      connect({ ...target, hostname: literal }, (...result: Parameters<buildConnector.Callback>) => {
        if (result[0] === null) mendInterimAnswers(result[1]);
        callback(...result);
      });
    };
  }

  /** Whether a URL's host is on this machine or in a private network, where outsiders must not learn which ports are open. */
  isInside(url: string): boolean {
    return this.inside.has(url);
  }
}

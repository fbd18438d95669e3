import type { LookupAddress, LookupOptions } from 'node:dns';
import { isIP } from 'node:net';
import { isNativeError } from 'node:util/types';
import { buildConnector } from 'undici';
import type { AddressPolicy } from '../addresses/address-policy';
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

/** Told what a name was resolved to, before it is connected to. */
export type Resolved = (hostname: string, addresses: readonly LookupAddress[]) => void;

/** Resolves a name once and hands on only what the policy allows: one denied address denies the name. */
export function checkedLookup(policy: AddressPolicy, resolve: (name: string) => Promise<readonly LookupAddress[]>, resolved: Resolved = () => undefined) {
  return (hostname: string, options: LookupOptions, done: LookupDone): void => {
    resolve(hostname).then(
      (addresses) => {
        resolved(hostname, addresses);
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
 * Connects only to addresses that the policy allows. Names are resolved here and never again; literal addresses, which
 * are never looked up, are judged before connecting. Certificates are verified against the name.
 */
export function createConnector(policy: AddressPolicy, connectTimeoutMs: number, names = new NameResolver(), resolved?: Resolved): buildConnector.connector {
  const lookup = checkedLookup(policy, (name) => names.resolve(name), resolved);
  const options = { timeout: connectTimeoutMs, lookup, autoSelectFamily: true };
  const connect = buildConnector(options as buildConnector.BuildOptions); // its type lacks `lookup`, which goes on to net.connect
  return (target, callback) => {
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

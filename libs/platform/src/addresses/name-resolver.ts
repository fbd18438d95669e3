import { lookup, promises as dns, type LookupAddress } from 'node:dns';
import { readFile } from 'node:fs/promises';
import { isNativeError } from 'node:util/types';

/** The ways to the system, replaceable in specs. */
export interface ResolverPorts {
  readonly resolve4: (name: string) => Promise<readonly string[]>;
  readonly resolve6: (name: string) => Promise<readonly string[]>;
  /** The operating system's own way; each call holds one of libuv's four threads. */
  readonly lookup: (name: string) => Promise<readonly LookupAddress[]>;
  readonly readHosts: () => Promise<string>;
}

const HOSTS_AGE_MS = 10_000;
const SYSTEM_LOOKUPS = 2;
/** IPv6 addresses that come later than this after the IPv4 ones are left out. */
const STRAGGLER_MS = 200;

function systemPorts(): ResolverPorts {
  const resolver = new dns.Resolver({ timeout: 2500, tries: 2 });
  return {
    resolve4: (name) => resolver.resolve4(name),
    resolve6: (name) => resolver.resolve6(name),
    lookup: (name) => new Promise((resolve, reject) => lookup(name, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)))),
    readHosts: () => readFile('/etc/hosts', 'utf8').catch(() => ''),
  };
}

export class NameNotFoundError extends Error {
  readonly code = 'ENOTFOUND';
}

/**
 * Resolves names without letting a name server that hangs hold up anybody else: names of the DNS are asked for without
 * threads, simultaneous questions for one name are asked once, and only what the DNS does not know (names of the hosts file
 * and of search domains) goes to the operating system, two at a time.
 */
export class NameResolver {
  private readonly asking = new Map<string, Promise<readonly LookupAddress[]>>();
  private hosts: { readonly names: ReadonlySet<string>; readonly readAtMs: number } | undefined;
  private lookups = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly ports: ResolverPorts = systemPorts()) {}

  /** All addresses of a name. Rejects with an error that has a resolver's `code`. */
  resolve(name: string): Promise<readonly LookupAddress[]> {
    const running = this.asking.get(name);
    if (running !== undefined) return running;
    const asked = this.ask(name).finally(() => this.asking.delete(name));
    this.asking.set(name, asked);
    return asked;
  }

  private async ask(name: string): Promise<readonly LookupAddress[]> {
    if (!name.includes('.') || /\.(?:local|localhost)\.?$/i.test(name) || (await this.isInHosts(name))) return this.system(name);
    const ipv6 = this.ports.resolve6(name).then((found) => found.map((address) => ({ address, family: 6 })));
    ipv6.catch(() => undefined);
    try {
      const ipv4 = (await this.ports.resolve4(name)).map((address) => ({ address, family: 4 }));
      return [...ipv4, ...(await Promise.race([ipv6, stragglers()]).catch(() => []))];
    } catch (error) {
      const only6 = await ipv6.catch(() => []);
      if (only6.length > 0) return only6;
      if (codeOf(error) === 'ETIMEOUT') throw new NameNotFoundError('No name server answered in time');
      return this.system(name);
    }
  }

  private async system(name: string): Promise<readonly LookupAddress[]> {
    if (this.lookups >= SYSTEM_LOOKUPS) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.lookups++;
    try {
      return await this.ports.lookup(name);
    } finally {
      this.lookups--;
      this.waiting.shift()?.();
    }
  }

  private async isInHosts(name: string): Promise<boolean> {
    const nowMs = performance.now();
    if (this.hosts === undefined || nowMs - this.hosts.readAtMs > HOSTS_AGE_MS) {
      const lines = (await this.ports.readHosts()).split('\n').map((line) => line.replace(/#.*/, '').trim().split(/\s+/).slice(1));
      this.hosts = { names: new Set(lines.flat().map((one) => one.toLowerCase())), readAtMs: nowMs };
    }
    return this.hosts.names.has(name.toLowerCase());
  }
}

const stragglers = (): Promise<LookupAddress[]> => new Promise((resolve) => setTimeout(() => resolve([]), STRAGGLER_MS).unref());

function codeOf(error: unknown): unknown {
  return isNativeError(error) && 'code' in error ? error.code : undefined;
}

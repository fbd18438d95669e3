import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '@agentfleet/errors';
import { isLoopbackHost } from '../env/platform-variables';

interface LocalRules {
  readonly AUTH_MODE: 'required' | 'off';
  readonly CORS_ORIGINS: readonly string[];
}

/** Host and port of an address or a `Host` header, in lower case; undefined when it is none. */
function addressOf(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

/** Images, scripts and frames are asked for without `Origin`; a person who follows a link to us is welcome. */
function isPartOfForeignPage(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site'];
  const isForeign = site === 'cross-site' || site === 'same-site';
  return isForeign && headers['sec-fetch-dest'] !== 'document';
}

/**
 * With `AUTH_MODE=off` whoever reaches the app is its owner, so no web page may: a name of the page's own that leads to
 * this machine (DNS rebinding) comes with its `Host`, any other page with its `Origin`. Without `Origin` (curl, SDKs) and
 * from our own pages and `CORS_ORIGINS` requests pass. With `AUTH_MODE=required` everything passes: pages have no key.
 */
export class LocalCallers {
  private readonly isOff: boolean;

  constructor(private readonly env: LocalRules) {
    this.isOff = env.AUTH_MODE === 'off';
  }

  /** @throws AppError 403 that says what to do */
  check(headers: IncomingHttpHeaders): void {
    if (!this.isOff) return;
    const { host = '', origin } = headers;
    const own = addressOf(`http://${host}`);
    if (!own || !this.isThisMachine(own.hostname)) {
      throw new AppError('forbidden', { message: 'With AUTH_MODE=off the Host header must name this machine: use http://localhost or http://127.0.0.1' });
    }
    if (origin === undefined ? !isPartOfForeignPage(headers) : this.env.CORS_ORIGINS.includes(origin) || addressOf(origin)?.host === own.host) return;
    throw new AppError('forbidden', { message: 'With AUTH_MODE=off pages of other origins may not call this app; add the origin to CORS_ORIGINS' });
  }

  private isThisMachine(hostname: string): boolean {
    const name = hostname.replace(/^\[|\]$/g, '');
    return isLoopbackHost(name) || name.endsWith('.localhost');
  }
}

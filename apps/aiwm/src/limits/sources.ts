import { isIP } from 'node:net';
import { ENV, LOG, type Log, type PlatformEnv } from '@agentfleet/platform';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { AiwmEnv } from '../env';

const GROUPS_OF_A_NETWORK = 4;

/** What limits count as one source: an IPv4 address, or the /64 network that everybody with IPv6 has to choose addresses from. */
export function sourceOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = '', tail] = (address.split('%', 1)[0] ?? '').split('::', 2);
  const groups = (part: string) => part.split(':').filter((group) => group !== '');
  const after = groups(tail ?? '').length;
  const before = groups(head);
  const filled = tail === undefined ? before : [...before, ...Array<string>(Math.max(0, 8 - before.length - after)).fill('0'), ...groups(tail)];
  const network = filled.slice(0, GROUPS_OF_A_NETWORK).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}

const CONSEQUENCE = 'all callers behind it count as one source, and the wrong passwords of one limit all of them. Set TRUSTED_PROXIES to its address.';

/** Where a request comes from, for limits; tells the operator when a proxy makes all sources look alike. */
@Injectable()
export class Sources implements OnModuleInit {
  private hasTold = false;

  constructor(
    @Inject(ENV) private readonly env: AiwmEnv & PlatformEnv,
    @Inject(LOG) private readonly log: Log,
  ) {}

  /** AIWM itself speaks plain HTTP: an https address is a proxy's. */
  onModuleInit(): void {
    if (this.env.TRUSTED_PROXIES.length > 0 || this.env.AIWM_PUBLIC_URL?.startsWith('https:') !== true) return;
    this.log.warn(`AIWM_PUBLIC_URL is the https address of a proxy that TRUSTED_PROXIES does not name: ${CONSEQUENCE}`);
    this.hasTold = true;
  }

  of(request: FastifyRequest): string {
    const address = request.context.sourceAddress ?? 'unknown';
    const peer = request.raw.socket.remoteAddress?.replace(/^::ffff:/, '');
    if (!this.hasTold && request.headers['x-forwarded-for'] !== undefined && address === peer) {
      this.hasTold = true;
      this.log.warn({ peer }, `Requests with X-Forwarded-For come from an address that TRUSTED_PROXIES does not name. If it is your proxy, ${CONSEQUENCE}`);
    }
    return sourceOf(address);
  }
}

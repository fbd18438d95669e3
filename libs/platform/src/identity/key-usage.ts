import type { ApiKeyLimits } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import type { Bus } from '../bus/bus';
import type { Lifecycle } from '../lifecycle';

const REPORT_EVERY_MS = 30_000;

/** Last use of API keys (reported to AIWM every 30 s) and their own request limits (counted in Redis). */
export class KeyUsage {
  private used = new Map<string, Set<string>>();

  constructor(
    private readonly bus: Bus,
    lifecycle: Lifecycle,
  ) {
    lifecycle.every('use of API keys', REPORT_EVERY_MS, () => this.report(), { during: 'always', lastRun: true });
  }

  private report(): void {
    const used = this.used;
    this.used = new Map();
    const at = new Date().toISOString();
    for (const [orgId, keyIds] of used) this.bus.notify('key.used', { orgId, keyIds: [...keyIds], at });
  }

  saw(orgId: string, keyId: string): void {
    const keys = this.used.get(orgId);
    if (keys) keys.add(keyId);
    else this.used.set(orgId, new Set([keyId]));
  }

  /** Only for keys that have a limit. While Redis is away nothing is counted. @throws AppError `rate_limited` */
  async countRequest(keyId: string, limits: ApiKeyLimits): Promise<void> {
    if (limits.requestsPerMinute === undefined || !this.bus.isUp) return;
    const now = Date.now();
    const key = `${this.bus.prefix}key-requests:${keyId}:${Math.floor(now / 60_000)}`;
    let count: unknown;
    try {
      const results = await this.bus.redis.multi().incr(key).expire(key, 120).exec();
      count = results?.[0]?.[1];
    } catch {
      return;
    }
    if (typeof count === 'number' && count > limits.requestsPerMinute) {
      throw new AppError('rate_limited', { retryAfterSeconds: Math.max(1, Math.ceil((60_000 - (now % 60_000)) / 1000)) });
    }
  }
}

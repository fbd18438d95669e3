import { AppError } from '@agentfleet/errors';
import { Bus, ENV, FailureLimiter } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import type { AiwmEnv } from '../env';

const WINDOW_MS = 60_000;

/**
 * Failed connects per (agent, address) and per address. Counted in Redis for all replicas, and in this process too, so that
 * the limit holds while Redis is away. Distinct secrets under check count as if they had failed: a burst of guesses cannot
 * slip through before the first one is answered.
 */
@Injectable()
export class ConnectLimiter {
  private readonly perAgent: FailureLimiter;
  private readonly perSource: FailureLimiter;
  private readonly underCheck = new Map<string, Map<string, number>>();

  constructor(
    private readonly bus: Bus,
    @Inject(ENV) private readonly env: AiwmEnv,
  ) {
    this.perAgent = new FailureLimiter(env.CONNECT_FAILURES_PER_MINUTE, WINDOW_MS);
    this.perSource = new FailureLimiter(env.CONNECT_FAILURES_PER_SOURCE_PER_MINUTE, WINDOW_MS);
  }

  /** Runs a check of a secret, unless the limit is reached. @throws AppError `rate_limited` */
  async guarded<T>(id: string, source: string, secret: string, check: () => Promise<T>): Promise<T> {
    const key = `${id} ${source}`;
    await this.refuseWhileLimited(id, source);
    const secrets = this.underCheck.get(key) ?? new Map<string, number>();
    const spent = this.perAgent.countOf(key) + secrets.size; // no await between this and taking a place
    if (!secrets.has(secret) && spent >= this.env.CONNECT_FAILURES_PER_MINUTE) throw limited(1);
    this.underCheck.set(key, secrets);
    secrets.set(secret, (secrets.get(secret) ?? 0) + 1);
    try {
      return await check();
    } finally {
      const left = (secrets.get(secret) ?? 1) - 1;
      if (left > 0) secrets.set(secret, left);
      else secrets.delete(secret);
      if (secrets.size === 0) this.underCheck.delete(key);
    }
  }

  async failed(id: string, source: string): Promise<void> {
    this.perAgent.count(`${id} ${source}`);
    this.perSource.count(source);
    if (!this.bus.isUp) return;
    const commands = this.bus.redis.multi();
    for (const key of this.redisKeys(id, source)) commands.set(key, 0, 'PX', WINDOW_MS, 'NX').incr(key);
    await commands.exec().catch(() => undefined); // counted here all the same
  }

  private async refuseWhileLimited(id: string, source: string): Promise<void> {
    const seconds = Math.max(this.perAgent.blockedFor(`${id} ${source}`), this.perSource.blockedFor(source));
    if (seconds > 0) throw limited(seconds);
    if (!this.bus.isUp) return;
    const limits = [this.env.CONNECT_FAILURES_PER_MINUTE, this.env.CONNECT_FAILURES_PER_SOURCE_PER_MINUTE];
    const keys = this.redisKeys(id, source);
    const counts = await this.bus.redis.mget(...keys).catch(() => []);
    for (const [index, limit] of limits.entries()) {
      const key = keys[index];
      if (key === undefined || Number(counts[index] ?? 0) < limit) continue;
      const leftMs = await this.bus.redis.pttl(key).catch(() => 0);
      throw limited(Math.max(1, Math.ceil(leftMs / 1000)));
    }
  }

  private redisKeys(id: string, source: string): readonly [string, string] {
    const prefix = `${this.bus.prefix}connect-failures:`;
    return [`${prefix}${id}:${source}`, `${prefix}${source}`];
  }
}

function limited(seconds: number): AppError {
  return new AppError('rate_limited', { retryAfterSeconds: seconds, message: 'Too many failed connects; try again later' });
}

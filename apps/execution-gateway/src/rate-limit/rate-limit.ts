import { AppError } from '@agentfleet/errors';
import { CLOCK, ENV, type Clock } from '@agentfleet/platform';
import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { ExecutionGatewayEnv } from '../env';

const MAX_CALLERS = 10_000;

interface Bucket {
  tokens: number;
  at: number;
}

/** A steady rate per caller, in this process, with bursts of twice as much. */
export class TokenBuckets {
  private readonly buckets = new Map<string, Bucket>();

  constructor(
    private readonly ratePerSecond: number,
    private readonly nowMs: () => number,
  ) {}

  /** Takes one token; the whole seconds to wait when there is none, else 0. */
  take(caller: string): number {
    const now = this.nowMs();
    const burst = this.ratePerSecond * 2;
    const bucket = this.buckets.get(caller) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * this.ratePerSecond);
    const isAllowed = tokens >= 1;
    this.buckets.delete(caller); // the oldest caller is the first in the map
    this.buckets.set(caller, { tokens: isAllowed ? tokens - 1 : tokens, at: now });
    const oldest = this.buckets.size > MAX_CALLERS ? this.buckets.keys().next().value : undefined;
    if (oldest !== undefined) this.buckets.delete(oldest);
    return isAllowed ? 0 : Math.max(1, Math.ceil((1 - tokens) / this.ratePerSecond));
  }
}

/** `GATEWAY_RATE_LIMIT_PER_SECOND` for REST; public routes have no caller and no limit. */
@Injectable()
export class RateLimitGuard implements CanActivate {
  private readonly buckets: TokenBuckets | undefined;

  constructor(@Inject(ENV) env: ExecutionGatewayEnv, @Inject(CLOCK) clock: Clock) {
    const rate = env.GATEWAY_RATE_LIMIT_PER_SECOND;
    this.buckets = rate === 0 ? undefined : new TokenBuckets(rate, () => clock.monotonicMs());
  }

  canActivate(context: ExecutionContext): boolean {
    if (!this.buckets || context.getType() !== 'http') return true;
    const { caller } = context.switchToHttp().getRequest<FastifyRequest>();
    if (!caller) return true;
    const retryAfterSeconds = this.buckets.take(`${caller.orgId}:${caller.id}`);
    if (retryAfterSeconds > 0) throw new AppError('rate_limited', { retryAfterSeconds });
    return true;
  }
}

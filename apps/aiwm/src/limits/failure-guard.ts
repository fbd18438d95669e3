import { AppError } from '@agentfleet/errors';
import { Bus, CLOCK, GroupCommit, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { waitingTime } from './waiting-time';
import { blockedForSeconds, withinWindow, type FailureLimit } from './failure-window';

/** Failures of one kind that are counted under one key, such as an agent and an address. */
export interface Watched extends FailureLimit {
  readonly key: string;
  /** Guesses under check count too. Not for a limit that a whole fleet shares which connects from one address at once. */
  readonly countsUnderCheck: boolean;
}

const MAX_KEYS = 50_000;

/** Adds a failure to the times under a key, drops those out of the window, keeps as many as the limit. */
const ADD_FAILURE = `
local now, window, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = {}
for at in string.gmatch(redis.call('GET', KEYS[1]) or '', '%d+') do
  if tonumber(at) > now - window then kept[#kept + 1] = at end
end
kept[#kept + 1] = ARGV[1]
redis.call('SET', KEYS[1], table.concat(kept, ',', math.max(1, #kept - limit + 1)), 'PX', window)`;

const countsAsFailure = (error: unknown) => error instanceof AppError && (error.code === 'invalid_credentials' || error.code === 'not_found');

/**
 * Limits guesses of secrets. Failures are counted in Redis, for all replicas, and in this process too, so that the limit
 * holds while Redis is away. Different guesses under check count as if they had failed: a burst cannot slip through before
 * the first one is answered. Successes cost one look, shared by all that wait.
 */
@Injectable()
export class FailureGuard {
  private readonly local = new LRUCache<string, readonly number[]>({ max: MAX_KEYS });
  private readonly underCheck = new Map<string, Map<string, number>>();
  private readonly looks = new GroupCommit<string, readonly number[]>({ commit: (keys) => this.look(keys), maxWeight: 256, patienceMs: 100, gathersTurn: true });

  constructor(
    private readonly bus: Bus,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Runs the check of a guess, unless the limit of a key is reached.
   * @param guess what is guessed, whole: the same one under check twice counts once
   * @param refusal begins the text of a refusal, which goes on with how long to wait
   * @throws AppError `rate_limited`, or what the check throws
   */
  async guarded<T>(watched: readonly Watched[], guess: string, refusal: string, check: () => Promise<T>): Promise<T> {
    for (const one of watched) this.refuse(blockedForSeconds(this.local.get(one.key) ?? [], this.clock.now(), one), refusal);
    const shared = await Promise.all(watched.map(({ key }) => this.sharedTimes(key)));
    const now = this.clock.now(); // no await between this and taking a place
    watched.forEach((one, index) => this.refuse(this.blockedFor(one, guess, shared[index] ?? [], now), refusal));
    for (const { key } of watched) this.enter(key, guess);
    let failure: Promise<void> | undefined;
    try {
      return await check();
    } catch (error) {
      if (countsAsFailure(error)) failure = this.count(watched);
      throw error;
    } finally {
      for (const { key } of watched) this.leave(key, guess); // in the same turn as the failure is counted: it counts once
      await failure;
    }
  }

  private refuse(seconds: number, refusal: string): void {
    if (seconds > 0) throw new AppError('rate_limited', { retryAfterSeconds: seconds, message: `${refusal}; try again in ${waitingTime(seconds)}` });
  }

  private blockedFor(one: Watched, guess: string, shared: readonly number[], now: number): number {
    const seconds = blockedForSeconds(shared, now, one);
    const guesses = this.underCheck.get(one.key);
    if (seconds > 0 || !one.countsUnderCheck || !guesses || guesses.has(guess)) return seconds;
    const failures = Math.max(withinWindow(shared, now, one).length, withinWindow(this.local.get(one.key) ?? [], now, one).length);
    return failures + guesses.size >= one.limit ? 1 : 0;
  }

  private enter(key: string, guess: string): void {
    const guesses = this.underCheck.get(key) ?? new Map<string, number>();
    guesses.set(guess, (guesses.get(guess) ?? 0) + 1);
    this.underCheck.set(key, guesses);
  }

  private leave(key: string, guess: string): void {
    const guesses = this.underCheck.get(key);
    if (!guesses) return;
    const left = (guesses.get(guess) ?? 1) - 1;
    if (left > 0) guesses.set(guess, left);
    else guesses.delete(guess);
    if (guesses.size === 0) this.underCheck.delete(key);
  }

  private async count(watched: readonly Watched[]): Promise<void> {
    const now = this.clock.now();
    for (const { key, ...rule } of watched) {
      this.local.set(key, withinWindow([...(this.local.get(key) ?? []), now], now, rule), { ttl: rule.windowMs });
    }
    if (!this.bus.isUp) return;
    const commands = this.bus.redis.pipeline();
    for (const { key, windowMs, limit } of watched) commands.eval(ADD_FAILURE, 1, this.redisKey(key), now, windowMs, limit);
    await commands.exec().catch(() => undefined); // counted here all the same
  }

  private sharedTimes(key: string): Promise<readonly number[]> | readonly number[] {
    return this.bus.isUp ? this.looks.add(key) : [];
  }

  private async look(keys: readonly string[]): Promise<readonly (readonly number[])[]> {
    const unique = [...new Set(keys)];
    const texts = await this.bus.redis.mget(...unique.map((key) => this.redisKey(key))).catch(() => []);
    const times = new Map(unique.map((key, index) => [key, texts[index]?.split(',').map(Number) ?? []]));
    return keys.map((key) => times.get(key) ?? []);
  }

  private redisKey(key: string): string {
    return `${this.bus.prefix}failures:${key}`;
  }
}

import type { NoticeMap, NoticePattern } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Redis } from 'ioredis';
import { firstValueFrom, TimeoutError, timeout } from 'rxjs';
import type { Lifecycle } from '../lifecycle';
import { currentContext } from '../observe/request-context';
import type { Metrics } from '../observe/metrics';
import type { Replica } from '../replica';
import { BusClient } from './bus-transport';
import { connectionOptions, quiet, type BusOptions } from './redis-options';

/** What a replica says of itself in Redis, every 2 s; gone after 6 s. */
export interface ReplicaAnnouncement {
  readonly id: string;
  readonly app: string;
  readonly internalUrl: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** A fact for all replicas of all apps; `NoticeMap` says what a pattern carries. */
export interface Notice<P extends NoticePattern = NoticePattern> {
  readonly pattern: P;
  readonly payload: NoticeMap[P];
}

const ANNOUNCE_EVERY_MS = 2000;
const ANNOUNCEMENT_LIFE_S = 6;
/** The client's own text; it gives this error no code. */
const COMMAND_TIMED_OUT = 'Command timed out';

/**
 * Notices ("this is in MongoDB now") and requests to one replica. It wakes and carries, and is never the truth: a notice
 * may be missed, a request may time out, and everything that needs no other replica goes on without Redis.
 */
export class Bus {
  /** For counters and pointers; commands fail at once while Redis is away. Keys must start with `prefix`. */
  readonly redis: Redis;
  private readonly client: BusClient;
  private readonly failures;
  /** Redis is connected but does not answer. */
  private isMute = false;
  private lastSeen = new Map<string, readonly ReplicaAnnouncement[]>();

  constructor(
    private readonly options: BusOptions,
    private readonly replica: Replica,
    metrics: Metrics,
    private readonly lifecycle: Lifecycle,
  ) {
    this.redis = quiet(new Redis(connectionOptions(options.redisUrl)), options.log);
    this.client = new BusClient(options);
    this.failures = metrics.counter({ name: 'bus_notice_failures_total', help: 'Notices that Redis did not take' });
  }

  get prefix(): string {
    return this.options.prefix;
  }

  get isUp(): boolean {
    return this.redis.status === 'ready' && !this.isMute;
  }

  /** Connects in the background and announces this replica; boot does not wait for it. */
  start(): void {
    this.redis.on('ready', () => void this.announce());
    this.redis.connect().catch(() => undefined);
    this.client.connect().catch(() => undefined);
    this.lifecycle.every('announce this replica on the bus', ANNOUNCE_EVERY_MS, () => this.announce(), { during: 'always', hungAfterMs: ANNOUNCE_EVERY_MS });
  }

  /** Says that this replica is going, so that nobody waits 6 s for it. */
  async stop(): Promise<void> {
    if (this.isUp) {
      await this.redis.hdel(this.registryKey(this.replica.app), this.replica.id).catch(() => undefined);
    }
    await this.client.close();
    this.redis.disconnect();
  }

  /** Tells all replicas of all apps a fact that is already in MongoDB. Never throws: a lost notice costs a poll interval. */
  notify<P extends NoticePattern>(pattern: P, payload: NoticeMap[P]): void {
    this.notifyAll([{ pattern, payload }]);
  }

  /** Many facts at once, in their order: one write to Redis. Not through Nest's client, which makes several observables for each. */
  notifyAll(notices: readonly Notice[]): void {
    if (notices.length === 0) return;
    if (!this.isUp) {
      this.failures.inc(notices.length);
      return;
    }
    const pipeline = this.redis.pipeline();
    for (const notice of notices) {
      const channel = `${this.prefix}${notice.pattern}`;
      pipeline.publish(channel, JSON.stringify({ pattern: channel, data: notice.payload }));
    }
    pipeline.exec((error, results) => {
      const failed = error ? notices.length : (results ?? []).filter(([refused]) => refused !== null).length;
      if (failed > 0) this.failures.inc(failed);
    }).catch(() => undefined); // counted above
  }

  /**
   * Asks one replica. `pattern` is without the replica's id.
   * @throws AppError `bus_unavailable` while Redis is away or when no answer comes within `timeoutMs`.
   */
  async request<T>(pattern: string, replicaId: string, payload: object, options: { timeoutMs: number }): Promise<T> {
    if (!this.isUp) throw new AppError('bus_unavailable');
    const context = currentContext();
    const message = context ? { correlationId: context.correlationId, traceparent: context.traceparent, ...payload } : payload;
    try {
      const answer = this.client.send<T>(`${this.prefix}${pattern}.${replicaId}`, message);
      return await firstValueFrom(answer.pipe(timeout(options.timeoutMs)));
    } catch (error) {
      const reason = error instanceof TimeoutError ? 'no answer in time' : 'the request failed';
      throw new AppError('bus_unavailable', { cause: new Error(`${pattern}: ${reason}`, { cause: error }) });
    }
  }

  /** The live replicas of an app; while Redis is away the ones last seen. */
  async replicas(app: string): Promise<readonly ReplicaAnnouncement[]> {
    if (this.isUp) {
      try {
        const entries = await this.redis.hgetall(this.registryKey(app));
        const live = Object.values(entries).flatMap(parseAnnouncement).filter((entry) => this.isFresh(entry));
        this.lastSeen.set(app, live);
      } catch {
        // away: the ones last seen
      }
    }
    return this.lastSeen.get(app) ?? [];
  }

  private isFresh(announcement: ReplicaAnnouncement): boolean {
    return Date.now() - announcement.at < ANNOUNCEMENT_LIFE_S * 1000;
  }

  private registryKey(app: string): string {
    return `${this.prefix}replicas:${app}`;
  }

  private async announce(): Promise<void> {
    if (this.redis.status !== 'ready') return;
    const key = this.registryKey(this.replica.app);
    const own: ReplicaAnnouncement = {
      id: this.replica.id,
      app: this.replica.app,
      internalUrl: this.replica.internalUrl,
      at: Date.now(),
    };
    try {
      const entries = await this.redis.hgetall(key);
      this.isMute = false;
      const dead = Object.entries(entries)
        .filter(([, text]) => !parseAnnouncement(text).some((entry) => this.isFresh(entry)))
        .map(([id]) => id);
      const pipeline = this.redis.pipeline().hset(key, own.id, JSON.stringify(own)).expire(key, 60);
      if (dead.length > 0) pipeline.hdel(key, ...dead);
      await pipeline.exec();
    } catch (error) {
      // announced again in 2 s; a server that hangs keeps its connection, so that only this tells
      if (error instanceof Error && error.message === COMMAND_TIMED_OUT) this.isMute = true;
    }
  }
}

function parseAnnouncement(text: string): ReplicaAnnouncement[] {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return [];
    const { id, app, internalUrl, at } = value as Record<string, unknown>; // each field is checked on the next line
    if (typeof id !== 'string' || typeof app !== 'string' || typeof internalUrl !== 'string' || typeof at !== 'number') return [];
    return [{ id, app, internalUrl, at }];
  } catch {
    return [];
  }
}

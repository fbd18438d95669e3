import type { RedisOptions as NestRedisOptions } from '@nestjs/microservices';
import type { Redis, RedisOptions } from 'ioredis';
import type { Log } from '../observe/log';

export interface BusOptions {
  readonly redisUrl: string;
  /** Starts every key and channel: pub/sub ignores database numbers, and stacks may share one Redis. */
  readonly prefix: string;
  readonly replicaId: string;
  readonly log: Log;
}

const WARN_EVERY_MS = 60_000;

/**
 * Nothing waits for Redis: commands fail at once while it is away, and nothing is sent again after a reconnect, long after
 * its caller gave up.
 */
export function connectionOptions(redisUrl: string) {
  const url = new URL(redisUrl);
  return {
    host: url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: url.port === '' ? 6379 : Number(url.port),
    ...(url.username ? { username: decodeURIComponent(url.username) } : {}),
    ...(url.password ? { password: decodeURIComponent(url.password) } : {}),
    ...(/^\/\d+$/.test(url.pathname) ? { db: Number(url.pathname.slice(1)) } : {}),
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
    connectTimeout: 2000,
    commandTimeout: 2000,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    keepAlive: 5000,
    disconnectTimeout: 500, // the client's timer outlives its connection and would hold a closing process for 2 s
    lazyConnect: true,
    retryStrategy: () => 500,
  } satisfies RedisOptions;
}

/** What Nest's transport adds: it overwrites `retryStrategy` and gives up without `retryAttempts`. */
export function transportOptions(redisUrl: string): NonNullable<NestRedisOptions['options']> {
  return { ...connectionOptions(redisUrl), retryAttempts: Infinity, retryDelay: 500 };
}

/**
 * Nest drops the promises of publish, subscribe and unsubscribe: unhandled, a lost connection would end the process.
 * One warning a minute instead of a stack for every attempt.
 */
export function quiet(client: Redis, log: Log): Redis {
  const sendCommand = client.sendCommand.bind(client);
  client.sendCommand = (...args) => {
    const sent: unknown = sendCommand(...args);
    if (sent instanceof Promise) sent.catch(() => undefined);
    return sent;
  };
  let lastWarningAt = -Infinity;
  client.on('error', (error: Error) => {
    if (performance.now() - lastWarningAt < WARN_EVERY_MS) return;
    lastWarningAt = performance.now();
    log.warn({ reason: error.message.slice(0, 200) }, 'Redis does not answer; the app goes on without it');
  });
  return client;
}

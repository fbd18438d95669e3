import { ClientRedis, ServerRedis } from '@nestjs/microservices';
import type { Redis } from 'ioredis';
import { quiet, transportOptions, type BusOptions } from './redis-options';

/*
 * Nest's stock Redis transport never subscribes after a boot without Redis, and a connection lost at the wrong moment ends
 * the process. These subclasses lean on protected methods of exactly 11.2.6; bus.int-spec.ts keeps the proofs.
 */

/** Hears notices and answers requests that are addressed to this replica. */
export class BusServer extends ServerRedis {
  constructor(private readonly bus: BusOptions) {
    super(transportOptions(bus.redisUrl));
  }

  /** `@MessagePattern('bridge.call.{replica}')`: the decorator names the place, the server fills in its own id. */
  override addHandler(...[pattern, ...rest]: Parameters<ServerRedis['addHandler']>): void {
    const full = typeof pattern === 'string' ? `${this.bus.prefix}${pattern.replace('{replica}', this.bus.replicaId)}` : pattern;
    super.addHandler(full, ...rest);
  }

  /** The original waits for the first connection and never subscribes when that fails. */
  override start(ready?: () => void): void {
    const subscriber: Redis = this.subClient;
    const publisher: Redis = this.pubClient;
    subscriber.once('ready', () => this.bindEvents(subscriber, publisher)); // later ioredis subscribes again by itself
    for (const client of [subscriber, publisher]) client.connect().catch(() => undefined);
    ready?.();
  }

  /** Nest awaits the reply's publish in a timer, where a rejection ends the process; the caller's timeout covers a lost reply. */
  override getPublisher(...args: Parameters<ServerRedis['getPublisher']>): (response: object) => Promise<unknown> {
    const publish = super.getPublisher(...args);
    return (response) => Promise.resolve(publish(response)).catch(() => undefined);
  }

  override createRedisClient(): Redis {
    return quiet(super.createRedisClient(), this.bus.log);
  }

  override registerErrorListener(): void {
    // `quiet` listens, with one warning a minute
  }

  override registerReconnectListener(): void {
    // the stock one logs every attempt
  }

  override registerReadyListener(): void {
    // the stock one logs every connection
  }

  override registerEndListener(): void {
    // the stock one says that nothing will be tried again, which is not true here
  }

  /** `quit` would wait for a Redis that is away. */
  override close(): Promise<void> {
    this.isManuallyClosed = true;
    for (const client of [this.subClient, this.pubClient]) client?.disconnect();
    return Promise.resolve();
  }
}

/** Sends notices and requests. */
export class BusClient extends ClientRedis {
  constructor(private readonly bus: BusOptions) {
    super(transportOptions(bus.redisUrl));
  }

  override createClient(): Redis {
    return quiet(super.createClient(), this.bus.log);
  }

  override registerErrorListener(): void {
    // `quiet` listens, with one warning a minute
  }

  override close(): Promise<void> {
    this.isManuallyClosed = true;
    this.handleClose();
    for (const client of [this.subClient, this.pubClient]) client?.disconnect();
    return Promise.resolve();
  }
}

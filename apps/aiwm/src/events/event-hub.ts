import type { ServerResponse } from 'node:http';
import type { AiwmEventData, AiwmEventType } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Bus, CLOCK, Lifecycle, LiveCallers, Metrics, REPLICA, type Caller, type Clock, type LiveCaller, type Replica } from '@agentfleet/platform';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { EventStream } from './event-stream';

const MAX_STREAMS_PER_ORGANIZATION = 100;
const WATCH_EVERY_MS = 500;
const COMMENT_EVERY_MS = 15_000;

/** The open event streams of this replica. Nothing is kept or replayed: a stream says when to read the lists anew. */
@Injectable()
export class EventHub implements OnModuleInit {
  private readonly streams = new Map<EventStream, LiveCaller>();
  private wasUp = true;

  constructor(
    private readonly bus: Bus,
    private readonly live: LiveCallers,
    private readonly lifecycle: Lifecycle,
    metrics: Metrics,
    @Inject(REPLICA) private readonly replica: Replica,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    metrics.gauge({ name: 'aiwm_event_streams', help: 'Open event streams', collect: (gauge) => gauge.set(this.streams.size) });
  }

  onModuleInit(): void {
    this.lifecycle.every('bus of event streams', WATCH_EVERY_MS, () => this.watchBus());
    this.lifecycle.every('comments of event streams', COMMENT_EVERY_MS, () => [...this.streams.keys()].forEach((stream) => stream.comment()));
    this.lifecycle.onDrain('event streams', () => [...this.streams.keys()].forEach((stream) => stream.end('shutdown')));
  }

  /** @throws AppError `bus_unavailable` without Redis, `rate_limited` when the organization has too many */
  checkRoom(orgId: string): void {
    if (!this.bus.isUp) throw new AppError('bus_unavailable', { retryAfterSeconds: 5, message: 'Events need Redis, which is away; read the lists meanwhile' });
    const open = [...this.streams.values()].filter(({ caller }) => caller.orgId === orgId).length;
    if (open >= MAX_STREAMS_PER_ORGANIZATION) throw new AppError('rate_limited', { retryAfterSeconds: 30, message: 'Too many event streams are open' });
  }

  /** Lasts for as long as the caller may read agents. */
  open(response: ServerResponse, caller: Caller, types: ReadonlySet<AiwmEventType>): void {
    const stream = new EventStream(response, types, () => this.forget(stream));
    // what ends with its time is called a token; a key that expires is revoked
    const live = this.live.add(caller, ['agents:read'], (why) => stream.end(why === 'expired' && caller.kind === 'user' ? 'token_expired' : 'revoked'));
    this.streams.set(stream, live);
    stream.send('ready', this.readiness());
  }

  publish<Type extends AiwmEventType>(type: Type, data: AiwmEventData[Type]): void {
    for (const [stream, live] of this.streams) if (stream.wants(type, data, live)) stream.send(type, data);
  }

  private forget(stream: EventStream): void {
    this.streams.get(stream)?.remove();
    this.streams.delete(stream);
  }

  private readiness(): AiwmEventData['ready'] {
    return { at: new Date(this.clock.now()).toISOString(), replica: this.replica.id };
  }

  private watchBus(): void {
    const { isUp } = this.bus;
    if (isUp === this.wasUp) return;
    this.wasUp = isUp;
    const degraded: AiwmEventData['degraded'] = { reason: 'bus' };
    for (const stream of this.streams.keys()) stream.send(isUp ? 'ready' : 'degraded', isUp ? this.readiness() : degraded);
  }
}

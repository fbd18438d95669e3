import type { AiwmEventData, AiwmEventType, AiwmHealthSource } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Bus, Lifecycle, Metrics, REPLICA, type Replica } from '@agentfleet/platform';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { EventStream } from './event-stream';

const MAX_STREAMS_PER_ORGANIZATION = 100;
const WATCH_EVERY_MS = 500;
const COMMENT_EVERY_MS = 15_000;

/** The open event streams of this replica. Nothing is kept or replayed: a stream says when to read the lists anew. */
@Injectable()
export class EventHub implements OnModuleInit {
  private readonly streams = new Set<EventStream>();
  private wasUp = true;
  private readonly timers: NodeJS.Timeout[] = [];

  constructor(
    private readonly bus: Bus,
    private readonly lifecycle: Lifecycle,
    metrics: Metrics,
    @Inject(REPLICA) private readonly replica: Replica,
  ) {
    metrics.gauge({ name: 'aiwm_event_streams', help: 'Open event streams', collect: (gauge) => gauge.set(this.streams.size) });
  }

  onModuleInit(): void {
    const every = (ms: number, work: () => void) => this.timers.push(setInterval(work, ms).unref());
    every(WATCH_EVERY_MS, () => this.watchBus());
    every(COMMENT_EVERY_MS, () => this.streams.forEach((stream) => stream.comment()));
    this.lifecycle.onDrain('event streams', () => {
      for (const timer of this.timers) clearInterval(timer);
      for (const stream of this.streams) stream.end('shutdown');
    });
  }

  /** @throws AppError `bus_unavailable` without Redis, `rate_limited` when the organization has too many */
  checkRoom(orgId: string): void {
    if (!this.bus.isUp) throw new AppError('bus_unavailable', { retryAfterSeconds: 5, message: 'Events need Redis, which is away; read the lists meanwhile' });
    const open = [...this.streams].filter((stream) => stream.orgId === orgId).length;
    if (open >= MAX_STREAMS_PER_ORGANIZATION) throw new AppError('rate_limited', { retryAfterSeconds: 30, message: 'Too many event streams are open' });
  }

  add(stream: EventStream): void {
    this.streams.add(stream);
    stream.onClose(() => this.streams.delete(stream));
    stream.send('ready', this.readiness());
  }

  publish(type: AiwmEventType, orgId: string, data: object, source?: AiwmHealthSource): void {
    for (const stream of this.streams) if (stream.wants(type, orgId, source)) stream.send(type, data);
  }

  /** A credential changed: the streams that it opened are checked. */
  recheck(callerId: string): void {
    // after the handler that drops what is cached of the credential
    setImmediate(() => this.streams.forEach((stream) => stream.callerId === callerId && stream.recheck()));
  }

  private readiness(): AiwmEventData['ready'] {
    return { at: new Date().toISOString(), replica: this.replica.id };
  }

  private watchBus(): void {
    const { isUp } = this.bus;
    if (isUp === this.wasUp) return;
    this.wasUp = isUp;
    const degraded: AiwmEventData['degraded'] = { reason: 'bus' };
    for (const stream of this.streams) stream.send(isUp ? 'ready' : 'degraded', isUp ? this.readiness() : degraded);
  }
}

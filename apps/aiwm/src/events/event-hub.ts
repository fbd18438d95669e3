import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { AiwmEventData, AiwmEventType, AiwmStreamEndReason } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import {
  Bus,
  CLOCK,
  EventStreams,
  Lifecycle,
  LiveCallers,
  Metrics,
  REPLICA,
  type Caller,
  type Clock,
  type EventStream,
  type LiveCaller,
  type LostRights,
  type Replica,
} from '@agentfleet/platform';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';

const MAX_STREAMS_PER_ORGANIZATION = 100;
const WATCH_EVERY_MS = 500;
/** A slow reader has this long to read why it is sent away. */
const LAST_READ_MS = 10_000;

interface Listener {
  readonly stream: EventStream;
  readonly live: LiveCaller;
  readonly types: ReadonlySet<AiwmEventType>;
}

/** Whether the caller asked for it and may see it now. */
function wants<Type extends AiwmEventType>({ live, types }: Listener, type: Type, data: AiwmEventData[Type]): boolean {
  const { caller } = live;
  if (!types.has(type) || (!caller.allOrganizations && caller.orgId !== data.orgId)) return false;
  if (type === 'audit') return live.has('audit:read');
  if ('source' in data) return live.has(data.source === 'vps.health.changed' ? 'vps:read' : 'clusters:read');
  return true;
}

/** The open event streams of this replica. Nothing is kept or replayed: a stream says when to read the lists anew. */
@Injectable()
export class EventHub implements OnModuleInit {
  private readonly listeners = new Set<Listener>();
  private wasUp = true;

  constructor(
    private readonly bus: Bus,
    private readonly streams: EventStreams,
    private readonly live: LiveCallers,
    private readonly lifecycle: Lifecycle,
    metrics: Metrics,
    @Inject(REPLICA) private readonly replica: Replica,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    metrics.gauge({ name: 'aiwm_event_streams', help: 'Open event streams', collect: (gauge) => gauge.set(this.listeners.size) });
  }

  onModuleInit(): void {
    this.lifecycle.every('bus of event streams', WATCH_EVERY_MS, () => this.watchBus());
  }

  /** @throws AppError `bus_unavailable` without Redis, `rate_limited` when the organization has too many */
  checkRoom(orgId: string): void {
    if (!this.bus.isUp) throw new AppError('bus_unavailable', { retryAfterSeconds: 5, message: 'Events need Redis, which is away; read the lists meanwhile' });
    const open = [...this.listeners].filter(({ live }) => live.caller.orgId === orgId).length;
    if (open >= MAX_STREAMS_PER_ORGANIZATION) throw new AppError('rate_limited', { retryAfterSeconds: 30, message: 'Too many event streams are open' });
  }

  /** The body of an answer that lasts for as long as the caller may read agents. */
  open(caller: Caller, types: ReadonlySet<AiwmEventType>): Readable {
    const stream = this.streams.open({ atShutdown: () => this.end(listener, 'shutdown') });
    // a key that expires counts as revoked
    const reasonOf = (why: LostRights) => (why === 'expired' && caller.kind === 'user' ? 'token_expired' : 'revoked');
    const live = this.live.add(caller, ['agents:read'], (why) => this.end(listener, reasonOf(why)));
    const listener: Listener = { stream, live, types };
    this.listeners.add(listener);
    stream.body.once('close', () => this.forget(listener));
    this.send(listener, 'ready', this.readiness());
    return stream.body;
  }

  publish<Type extends AiwmEventType>(type: Type, data: AiwmEventData[Type]): void {
    const id = randomBytes(12).toString('hex');
    for (const listener of this.listeners) if (wants(listener, type, data)) this.send(listener, type, data, id);
  }

  private send(listener: Listener, event: keyof AiwmEventData, data: object, id?: string): void {
    const { stream } = listener;
    stream.send({ event, data, ...(id === undefined ? {} : { id }) });
    if (stream.isFull) this.end(listener, 'slow_consumer');
  }

  private end(listener: Listener, reason: AiwmStreamEndReason): void {
    const data: AiwmEventData['end'] = { reason };
    listener.stream.send({ event: 'end', data });
    listener.stream.endWithin(LAST_READ_MS);
    this.forget(listener);
  }

  private forget(listener: Listener): void {
    this.listeners.delete(listener);
    listener.live.remove();
  }

  private readiness(): AiwmEventData['ready'] {
    return { at: new Date(this.clock.now()).toISOString(), replica: this.replica.id };
  }

  private watchBus(): void {
    const { isUp } = this.bus;
    if (isUp === this.wasUp) return;
    this.wasUp = isUp;
    const degraded: AiwmEventData['degraded'] = { reason: 'bus' };
    for (const listener of this.listeners) this.send(listener, isUp ? 'ready' : 'degraded', isUp ? this.readiness() : degraded);
  }
}

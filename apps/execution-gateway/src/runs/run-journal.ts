import type { RunEventBody, RunUsage } from '@agentfleet/contracts';
import type { EngineMessage, RunProgress } from '@agentfleet/engine';
import type { Clock } from '@agentfleet/platform';
import type { RunDocument } from './run.schema';
import type { RunCommit } from './run-store.repository';
import { messageDocument } from './stored-messages';
import { TextCoalescer } from './text-coalescer';
import { eventDocument } from '../events/event-frame';
import type { EventDocument } from '../events/event.schema';
import type { StoredFrame } from '../events/event.repository';

const MAX_EVENTS_PER_COMMIT = 100;
const MAX_WAITING_EVENTS = 1000;
const RETRY_MS = 200;

/** The lease is lost: whoever hears this stops silently. */
export class LeaseLost extends Error {}

/** What is written together: events that are merely shown, or a complete step. */
interface Unit {
  readonly events: readonly RunEventBody[];
  readonly messages: readonly EngineMessage[];
  /** Null for events that belong to no finished step. */
  readonly step: { readonly progress: RunProgress } | null;
  readonly end: Partial<RunDocument> | null;
}

export interface EventLogPorts {
  commit(commit: RunCommit): Promise<'committed' | 'fenced'>;
  /** After each commit: the watchers here, the notice to the others. */
  committed(frames: readonly StoredFrame[], seconds: number): void;
  /** A commit failed and is tried again, or not. */
  failed(error: unknown): void;
  /** False as soon as the lease is too old to go on trying. */
  mayRetry(): boolean;
  activeMs(): number;
  readonly clock: Clock;
  readonly coalesceMs: number;
}

/**
 * Writes one run's events, in order, each durable before anybody sees it. A commit starts at once when none is under
 * way; what arrives meanwhile goes into the next one.
 */
export class EventLog {
  private readonly units: Unit[] = [];
  private waitingEvents = 0;
  private isCommitting = false;
  private failure: Error | null = null;
  private readonly idle: (() => void)[] = [];
  private lastSeq: number;
  private lastEventMs: number;
  private nextMessageIndex: number;
  private readonly texts: TextCoalescer;

  constructor(
    private readonly run: RunDocument,
    private readonly epoch: number,
    private readonly ports: EventLogPorts,
  ) {
    this.lastSeq = run.last_seq;
    this.lastEventMs = run.last_event_at.getTime();
    this.nextMessageIndex = run.next_message_index;
    this.texts = new TextCoalescer(ports.coalesceMs, (event) => this.push({ events: [event], messages: [], step: null, end: null }));
  }

  /** Shows an event soon; waits only when the database falls far behind. Throws `LeaseLost`. */
  async show(event: RunEventBody): Promise<void> {
    this.throwIfLost();
    if (!this.texts.add(event)) this.push({ events: [event], messages: [], step: null, end: null });
    if (this.waitingEvents > MAX_WAITING_EVENTS) await this.flushed();
  }

  /** Resolves when the step, and everything before it, is durable. Throws `LeaseLost`. */
  async step(part: { events: readonly RunEventBody[]; messages: readonly EngineMessage[]; progress: RunProgress }): Promise<void> {
    await this.write({ events: part.events, messages: part.messages, step: { progress: part.progress }, end: null });
  }

  /** The last write of a run. */
  async end(part: { events: readonly RunEventBody[]; messages: readonly EngineMessage[]; progress: RunProgress }, end: Partial<RunDocument>): Promise<void> {
    await this.write({ events: part.events, messages: part.messages, step: { progress: part.progress }, end });
  }

  /** Resolves when nothing is waiting to be written. */
  async flushed(): Promise<void> {
    this.texts.flush();
    while ((this.isCommitting || this.units.length > 0) && !this.failure) await new Promise<void>((resolve) => this.idle.push(resolve));
    this.throwIfLost();
  }

  /** Drops what is not written yet. */
  abandon(): void {
    this.texts.drop();
    this.fail(new LeaseLost());
  }

  private async write(unit: Unit): Promise<void> {
    this.throwIfLost();
    this.texts.endText();
    this.push(unit);
    await this.flushed();
  }

  private push(unit: Unit): void {
    if (this.failure) return;
    this.units.push(unit);
    this.waitingEvents += unit.events.length;
    if (!this.isCommitting) void this.commitLoop();
  }

  private async commitLoop(): Promise<void> {
    this.isCommitting = true;
    try {
      while (this.units.length > 0 && !this.failure) await this.commitSome(this.takeUnits());
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error('The log could not be written'));
    } finally {
      this.isCommitting = false;
      for (const resolve of this.idle.splice(0)) resolve();
    }
  }

  private takeUnits(): Unit[] {
    let count = 0;
    let events = 0;
    for (const unit of this.units) {
      if (count > 0 && events + unit.events.length > MAX_EVENTS_PER_COMMIT) break;
      events += unit.events.length;
      count += 1;
    }
    this.waitingEvents -= events;
    return this.units.splice(0, count);
  }

  private async commitSome(units: readonly Unit[]): Promise<void> {
    const commit = this.prepare(units);
    const startedAt = this.ports.clock.monotonicMs();
    if ((await this.commitUntilDone(commit)) === 'fenced') throw new LeaseLost();
    this.lastSeq = commit.events.at(-1)?.seq ?? this.lastSeq;
    this.nextMessageIndex += commit.messages.length;
    const frames = commit.events.map(({ seq, frame, type }) => ({ seq, frame, type }));
    this.ports.committed(frames, (this.ports.clock.monotonicMs() - startedAt) / 1000);
  }

  private prepare(units: readonly Unit[]): RunCommit {
    const events: EventDocument[] = [];
    const messages: EngineMessage[] = [];
    let set: Partial<RunDocument> = {};
    let endUsage: RunUsage | null = null;
    for (const unit of units) {
      for (const body of unit.events) events.push(this.place(body, this.lastSeq + events.length + 1));
      messages.push(...unit.messages);
      if (unit.step) set = { ...set, progress: unit.step.progress, step_seq: this.lastSeq + events.length, takeovers_at_step: 0 };
      if (unit.end) set = { ...set, ...unit.end };
      if (unit.end && unit.step) endUsage = unit.step.progress.usage;
    }
    const at = new Date(this.lastEventMs);
    const documents = messages.map((message, offset) => messageDocument(message, { sessionKey: this.run.session_key, index: this.nextMessageIndex + offset, at }));
    return {
      runId: this.run._id,
      sessionKey: this.run.session_key,
      epoch: this.epoch,
      previousSeq: this.lastSeq,
      events,
      messages: documents,
      set: {
        ...set,
        last_seq: this.lastSeq + events.length,
        last_event_at: at,
        next_message_index: this.nextMessageIndex + documents.length,
        active_ms: this.ports.activeMs(),
      },
      endUsage,
    };
  }

  /** Clocks of replicas differ: a timestamp is never earlier than the one before it. */
  private place(body: RunEventBody, seq: number): EventDocument {
    this.lastEventMs = Math.max(this.lastEventMs, this.ports.clock.now());
    return eventDocument(body, { sessionKey: this.run.session_key, runId: this.run._id, seq, atMs: this.lastEventMs });
  }

  /** While MongoDB is away the same commit is tried again until the lease is over; then others will do it. */
  private async commitUntilDone(commit: RunCommit): Promise<'committed' | 'fenced'> {
    for (;;) {
      try {
        return await this.ports.commit(commit);
      } catch (error) {
        this.ports.failed(error);
        if (!this.ports.mayRetry()) throw new LeaseLost('The log could not be written in time', { cause: error });
        await this.ports.clock.sleep(RETRY_MS);
      }
    }
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.units.length = 0;
    for (const resolve of this.idle.splice(0)) resolve();
  }

  private throwIfLost(): void {
    if (this.failure) throw this.failure;
  }
}

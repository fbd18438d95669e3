import type { RunEventBody } from '@agentfleet/contracts';
import type { EngineMessage, StepPart } from '@agentfleet/engine';
import type { Clock } from '@agentfleet/platform';
import { eventDocument } from '../events/event-frame';
import type { StoredFrame } from '../events/event.repository';
import type { EventDocument } from '../events/event.schema';
import { LeaseLost, type CommitSource, type RunCommits } from './run-commits';
import type { RunCommit } from './run.repository';
import type { RunDocument } from './run.schema';
import { messageDocument } from './stored-messages';
import { TextCoalescer } from './text-coalescer';

const MAX_WAITING_EVENTS = 1000;

/** What is written together: an event that is merely shown, or a complete step, which may be the last. */
export interface JournalEntry {
  readonly events: readonly RunEventBody[];
  readonly step?: Pick<StepPart, 'messages' | 'progress'>;
  readonly end?: Partial<RunDocument>;
}

export interface RunJournalPorts {
  /** The loop that all runs of this process share. */
  readonly commits: Pick<RunCommits<JournalEntry>, 'add'>;
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

/** Writes one run's events, in order and without a gap, each durable before anybody sees it, and none after the lease is lost. */
export class RunJournal implements CommitSource<JournalEntry> {
  private readonly texts: TextCoalescer;
  private failure: Error | undefined;
  private reportLoss: (error: Error) => void = () => undefined;
  private readonly lost = new Promise<never>((_resolve, reject) => (this.reportLoss = reject));
  private lastSeq: number;
  private lastEventMs: number;
  private nextMessageIndex: number;
  private waitingEvents = 0;
  /** The entry that was added last; when it is written, all are. */
  private newest: Promise<void> = Promise.resolve();

  constructor(
    private readonly run: RunDocument,
    private readonly epoch: number,
    private readonly ports: RunJournalPorts,
  ) {
    this.lastSeq = run.last_seq;
    this.lastEventMs = run.last_event_at.getTime();
    this.nextMessageIndex = run.next_message_index;
    this.texts = new TextCoalescer(ports.coalesceMs, ports.clock, (event) => void this.add({ events: [event] }));
    this.lost.catch(() => undefined); // whoever waits hears of it
  }

  /** Shows an event soon; waits only when the database falls far behind. @throws LeaseLost */
  async show(event: RunEventBody): Promise<void> {
    this.throwIfLost();
    if (!this.texts.add(event)) void this.add({ events: [event] });
    if (this.waitingEvents > MAX_WAITING_EVENTS) await this.flushed();
  }

  /** Resolves when the step, and everything before it, is durable. @throws LeaseLost */
  async step({ events, messages, progress }: StepPart): Promise<void> {
    await this.write({ events, step: { messages, progress } });
  }

  /** The last write of a run. @throws LeaseLost */
  async end({ events, messages, progress }: StepPart, end: Partial<RunDocument>): Promise<void> {
    await this.write({ events, step: { messages, progress }, end });
  }

  /** Resolves when nothing is waiting to be written. @throws LeaseLost */
  async flushed(): Promise<void> {
    this.texts.flush();
    await Promise.race([this.newest, this.lost]);
    this.throwIfLost();
  }

  /** Drops what is not written yet. */
  abandon(): void {
    this.texts.drop();
    this.fail(new LeaseLost());
  }

  prepare(entries: readonly JournalEntry[]): RunCommit {
    this.throwIfLost();
    const events: EventDocument[] = [];
    const messages: EngineMessage[] = [];
    let set: Partial<RunDocument> = {};
    for (const entry of entries) {
      for (const body of entry.events) events.push(this.place(body, this.lastSeq + events.length + 1));
      if (entry.step) {
        messages.push(...entry.step.messages);
        set = { ...set, progress: entry.step.progress, step_seq: this.lastSeq + events.length, takeovers_at_step: 0 };
      }
      if (entry.end) set = { ...set, ...entry.end, is_counted: false };
    }
    const { _id: runId, session_key: sessionKey, engine } = this.run;
    const at = new Date(this.lastEventMs);
    const place = { sessionKey, engine, epoch: this.epoch, at };
    const documents = messages.map((message, offset) => messageDocument(message, { ...place, index: this.nextMessageIndex + offset }));
    const fence = { runId, epoch: this.epoch, previousSeq: this.lastSeq };
    this.lastSeq += events.length;
    this.nextMessageIndex += documents.length;
    const position = { last_seq: this.lastSeq, last_event_at: at, next_message_index: this.nextMessageIndex };
    return { ...fence, events, messages: documents, set: { ...set, ...position, active_ms: this.ports.activeMs() } };
  }

  committed({ events }: RunCommit, seconds: number): void {
    this.ports.committed(events.map(({ seq, frame, type }) => ({ seq, frame, type })), seconds);
  }

  failed(error: unknown): void {
    this.ports.failed(error);
  }

  mayRetry(): boolean {
    return this.failure === undefined && this.ports.mayRetry();
  }

  private async write(entry: JournalEntry): Promise<void> {
    this.throwIfLost();
    this.texts.endText();
    await Promise.race([this.add(entry), this.lost]);
    this.throwIfLost();
  }

  /** Whoever does not wait for the entry hears of its failure with the next one. */
  private add(entry: JournalEntry): Promise<void> {
    if (this.failure !== undefined) return this.lost;
    this.waitingEvents += entry.events.length;
    const added = this.addCounted(entry);
    added.catch(() => undefined);
    return (this.newest = added);
  }

  private async addCounted(entry: JournalEntry): Promise<void> {
    try {
      await this.ports.commits.add(this, entry);
    } catch (error) {
      this.fail(error);
      throw error;
    } finally {
      this.waitingEvents -= entry.events.length;
    }
  }

  /** Clocks of replicas differ: a timestamp is never earlier than the one before it. */
  private place(body: RunEventBody, seq: number): EventDocument {
    this.lastEventMs = Math.max(this.lastEventMs, this.ports.clock.now());
    return eventDocument(body, { sessionKey: this.run.session_key, runId: this.run._id, seq, epoch: this.epoch, atMs: this.lastEventMs });
  }

  private fail(error: unknown): void {
    if (!(error instanceof LeaseLost)) this.ports.failed(error);
    // whatever it was: this executor cannot go on, and another one can
    this.failure ??= error instanceof LeaseLost ? error : new LeaseLost('The journal could not be written', { cause: error });
    this.reportLoss(this.failure);
  }

  private throwIfLost(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

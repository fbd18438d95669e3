import type { RunEventBody } from '@agentfleet/contracts';
import type { EngineMessage, StepPart } from '@agentfleet/engine';
import { GroupCommit, type Clock } from '@agentfleet/platform';
import { eventDocument } from '../events/event-frame';
import type { StoredFrame } from '../events/event.repository';
import type { EventDocument } from '../events/event.schema';
import type { RunCommit } from './run.repository';
import type { RunDocument } from './run.schema';
import { messageDocument } from './stored-messages';
import { TextCoalescer } from './text-coalescer';

const MAX_EVENTS_PER_COMMIT = 100;
const MAX_WAITING_EVENTS = 1000;
const RETRY_MS = 200;

/** The lease is lost: whoever hears this stops silently. */
export class LeaseLost extends Error {}

/** What is written together: an event that is merely shown, or a complete step, which may be the last. */
interface Entry {
  readonly events: readonly RunEventBody[];
  readonly step?: Pick<StepPart, 'messages' | 'progress'>;
  readonly end?: Partial<RunDocument>;
}

export interface RunJournalPorts {
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

/** Writes one run's events, in order and without a gap, each durable before anybody sees it, and none after the lease is lost. */
export class RunJournal {
  private readonly commits: GroupCommit<Entry, undefined>;
  private readonly texts: TextCoalescer;
  private failure: Error | undefined;
  private reportLoss: (error: Error) => void = () => undefined;
  private readonly lost = new Promise<never>((_resolve, reject) => (this.reportLoss = reject));
  private lastSeq: number;
  private lastEventMs: number;
  private nextMessageIndex: number;

  constructor(
    private readonly run: RunDocument,
    private readonly epoch: number,
    private readonly ports: RunJournalPorts,
  ) {
    this.lastSeq = run.last_seq;
    this.lastEventMs = run.last_event_at.getTime();
    this.nextMessageIndex = run.next_message_index;
    this.commits = new GroupCommit({ commit: (entries) => this.commit(entries), maxWeight: MAX_EVENTS_PER_COMMIT, weightOf: ({ events }) => events.length });
    this.texts = new TextCoalescer(ports.coalesceMs, ports.clock, (event) => this.add({ events: [event] }));
    this.lost.catch(() => undefined); // whoever waits hears of it
  }

  /** Shows an event soon; waits only when the database falls far behind. @throws LeaseLost */
  async show(event: RunEventBody): Promise<void> {
    this.throwIfLost();
    if (!this.texts.add(event)) this.add({ events: [event] });
    if (this.commits.load > MAX_WAITING_EVENTS) await this.flushed();
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
    await Promise.race([this.commits.drained(), this.lost]);
    this.throwIfLost();
  }

  /** Drops what is not written yet. */
  abandon(): void {
    this.texts.drop();
    this.fail(new LeaseLost());
  }

  private async write(entry: Entry): Promise<void> {
    this.throwIfLost();
    this.texts.endText();
    await Promise.race([this.commits.add(entry), this.lost]);
    this.throwIfLost();
  }

  private add(entry: Entry): void {
    if (this.failure === undefined) this.commits.add(entry).catch((error: unknown) => this.fail(error));
  }

  private async commit(entries: readonly Entry[]): Promise<readonly undefined[]> {
    this.throwIfLost();
    try {
      const commit = this.prepare(entries);
      const startedAt = this.ports.clock.monotonicMs();
      if ((await this.commitUntilDone(commit)) === 'fenced') throw new LeaseLost();
      this.lastSeq = commit.events.at(-1)?.seq ?? this.lastSeq;
      this.nextMessageIndex += commit.messages.length;
      const frames = commit.events.map(({ seq, frame, type }) => ({ seq, frame, type }));
      this.ports.committed(frames, (this.ports.clock.monotonicMs() - startedAt) / 1000);
      return entries.map(() => undefined);
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  private prepare(entries: readonly Entry[]): RunCommit {
    const events: EventDocument[] = [];
    const messages: EngineMessage[] = [];
    let set: Partial<RunDocument> = {};
    for (const entry of entries) {
      for (const body of entry.events) events.push(this.place(body, this.lastSeq + events.length + 1));
      if (entry.step) {
        messages.push(...entry.step.messages);
        set = { ...set, progress: entry.step.progress, step_seq: this.lastSeq + events.length, takeovers_at_step: 0 };
      }
      set = { ...set, ...entry.end };
    }
    const { _id: runId, session_key: sessionKey, engine } = this.run;
    const at = new Date(this.lastEventMs);
    const documents = messages.map((message, offset) => messageDocument(message, { sessionKey, engine, index: this.nextMessageIndex + offset, at }));
    const position = { last_seq: this.lastSeq + events.length, last_event_at: at, next_message_index: this.nextMessageIndex + documents.length };
    const endUsage = entries.some(({ end }) => end !== undefined) ? set.progress?.usage : undefined;
    const fence = { runId, sessionKey, epoch: this.epoch, previousSeq: this.lastSeq };
    return { ...fence, events, messages: documents, set: { ...set, ...position, active_ms: this.ports.activeMs() }, endUsage };
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
        if (!this.ports.mayRetry()) throw new LeaseLost('The journal could not be written in time', { cause: error });
        await this.ports.clock.sleep(RETRY_MS);
      }
    }
  }

  private fail(error: unknown): void {
    this.failure ??= error instanceof Error ? error : new Error('The journal could not be written', { cause: error });
    this.reportLoss(this.failure);
  }

  private throwIfLost(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

import { LOG, type Log } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { CallRepository, type FinishedCall } from './call.repository';
import type { CallDocument } from './call.schema';

const FLUSH_MS = 250;
const RETRY_MS = 1000;
/** While storage is away for long, records of plain calls are given up rather than all memory. */
const MAX_WAITING = 50_000;

/** Writes what may be written late: records of plain calls, and ends of calls that storage did not take at once. */
@Injectable()
export class RecordWriter {
  private ended: CallDocument[] = [];
  private readonly finishes = new Map<string, FinishedCall>();
  private readonly discards = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> | undefined;

  constructor(
    @Inject(CallRepository) private readonly repository: CallRepository,
    @Inject(LOG) private readonly log: Log,
  ) {}

  /** The record of a plain call; written within a second. */
  add(call: CallDocument): void {
    if (this.ended.length >= MAX_WAITING) return;
    this.ended.push(call);
    this.schedule(FLUSH_MS);
  }

  /** Ends an open call; repeated until storage takes it. */
  finish(call: FinishedCall): Promise<void> {
    this.finishes.set(call.callId, call);
    return this.flush();
  }

  /** Removes the record of a call that was refused before it began, so that its key is free. */
  discard(callId: string): Promise<void> {
    this.discards.add(callId);
    return this.flush();
  }

  /** Writes all that waits; what storage does not take stays and is tried again. */
  async flush(): Promise<void> {
    while (this.flushing !== undefined) await this.flushing;
    if (this.isEmpty()) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.flushing = this.write();
    await this.flushing;
    this.flushing = undefined;
    if (!this.isEmpty()) this.schedule(RETRY_MS);
  }

  private isEmpty(): boolean {
    return this.ended.length === 0 && this.finishes.size === 0 && this.discards.size === 0;
  }

  private schedule(delayMs: number): void {
    if (this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.flush();
    }, delayMs);
    this.timer.unref();
  }

  private async write(): Promise<void> {
    const ended = this.ended;
    const finishes = [...this.finishes.values()];
    this.ended = [];
    try {
      await Promise.all([this.repository.insertEnded(ended), this.repository.finish(finishes), ...[...this.discards].map((callId) => this.drop(callId))]);
      for (const { callId } of finishes) this.finishes.delete(callId);
    } catch (error) {
      this.ended = [...ended, ...this.ended].slice(0, MAX_WAITING);
      this.log.warn({ err: error, waiting: this.ended.length }, 'Records of calls could not be written; they are tried again');
    }
  }

  private async drop(callId: string): Promise<void> {
    await this.repository.discard(callId);
    this.discards.delete(callId);
  }
}

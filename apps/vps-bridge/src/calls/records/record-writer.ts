import { CLOCK, Lifecycle, type Clock, type RecurringWork } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { CallLeases } from './call-leases';
import { CallRepository, type EndedCall, type FinishedCall, type OpenCall } from './call.repository';

/** A plain call under way; most end before anybody needs their record. */
interface BegunRecord {
  readonly startedAtMs: number;
  readonly recordOf: () => OpenCall;
}

const FLUSH_MS = 100;
/** A plain call that has ended by then needs one write only. */
const SHORT_CALL_MS = 100;
/** While storage is away for long, records of plain calls are given up rather than all memory. */
const MAX_WAITING = 50_000;

/**
 * Writes what may be written late: records of plain calls, at their end, and for those that take longer also while they are
 * under way; and ends of calls that could not be stored at once. Nobody waits for it.
 */
@Injectable()
export class RecordWriter {
  /** Plain calls under way that have no record yet. */
  private readonly begun = new Map<string, BegunRecord>();
  /** Plain calls whose record was made while they are under way, or may have been. */
  private readonly opened = new Set<string>();
  private ended: EndedCall[] = [];
  private readonly replacing = new Map<string, EndedCall>();
  private readonly finishes = new Map<string, FinishedCall>();
  private readonly discards = new Set<string>();
  private readonly writing: RecurringWork;

  constructor(
    private readonly repository: CallRepository,
    private readonly leases: CallLeases,
    @Inject(CLOCK) private readonly clock: Clock,
    lifecycle: Lifecycle,
  ) {
    this.writing = lifecycle.every('records of calls', FLUSH_MS, () => this.write(), { during: 'always' });
  }

  /** A plain call is under way; if it still is in a moment, a record says so, and whoever outlives this replica ends it. */
  begin(callId: string, startedAtMs: number, recordOf: () => OpenCall): void {
    if (this.begun.size >= MAX_WAITING) return;
    this.begun.set(callId, { startedAtMs, recordOf });
  }

  /** A plain call ended without a result to record. */
  forget(callId: string): void {
    this.begun.delete(callId);
    if (this.opened.has(callId) && !this.replacing.has(callId)) void this.discard(callId);
  }

  /** The record of a plain call; written within a second. */
  add(call: EndedCall): void {
    this.begun.delete(call._id);
    if (this.opened.has(call._id)) this.replacing.set(call._id, call);
    else if (this.ended.length < MAX_WAITING) this.ended.push(call);
  }

  /** Ends an open call; repeated until it is stored. */
  finish(call: FinishedCall): Promise<void> {
    this.finishes.set(call.callId, call);
    return this.flush();
  }

  /** Removes the record of a call that was refused before it began, so that its key is free. */
  discard(callId: string): Promise<void> {
    this.discards.add(callId);
    return this.flush();
  }

  /** Writes all that waits; what could not be stored stays and is tried again. */
  flush(): Promise<void> {
    return this.writing.run();
  }

  /** Each part by itself, and all of them to their end: what failed is tried again only when nothing else is under way. */
  private async write(): Promise<void> {
    const parts = [this.insertEnded(), this.openLong(), this.replace(), this.finishOpen(), ...[...this.discards].map((callId) => this.drop(callId))];
    const failed = (await Promise.allSettled(parts)).find((part) => part.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  private async insertEnded(): Promise<void> {
    const { ended } = this;
    this.ended = [];
    try {
      await this.repository.insertEnded(ended);
    } catch (error) {
      this.ended = [...ended, ...this.ended].slice(0, MAX_WAITING);
      throw error;
    }
  }

  private async openLong(): Promise<void> {
    const opening = this.removeLong();
    try {
      await this.repository.openMany(opening);
    } catch (error) {
      for (const call of opening) if (this.isUnderWay(call.callId)) this.begun.set(call.callId, { startedAtMs: call.createdAtMs, recordOf: () => call });
      throw error;
    }
  }

  private async replace(): Promise<void> {
    const replacing = [...this.replacing.values()];
    await this.repository.replaceEnded(replacing);
    for (const { _id } of replacing) this.close(_id);
  }

  private async finishOpen(): Promise<void> {
    const finishes = [...this.finishes.values()];
    await this.repository.finish(finishes);
    for (const { callId } of finishes) this.finishes.delete(callId);
  }

  private removeLong(): readonly OpenCall[] {
    const before = this.clock.now() - SHORT_CALL_MS;
    const long: OpenCall[] = [];
    for (const [callId, { startedAtMs, recordOf }] of this.begun) {
      if (startedAtMs > before) continue;
      long.push(recordOf());
      this.begun.delete(callId);
      this.opened.add(callId);
      this.leases.add(callId);
    }
    return long;
  }

  private isUnderWay(callId: string): boolean {
    return !this.replacing.has(callId) && !this.discards.has(callId);
  }

  private close(callId: string): void {
    this.replacing.delete(callId);
    this.opened.delete(callId);
    this.leases.remove(callId);
  }

  private async drop(callId: string): Promise<void> {
    await this.repository.discard(callId);
    this.discards.delete(callId);
    if (this.opened.has(callId)) this.close(callId);
  }
}

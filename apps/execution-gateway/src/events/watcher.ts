import type { Clock } from '@agentfleet/platform';
import type { StoredFrame } from './event.repository';

/** Where a watcher's frames go: a socket or a stream of server-sent events. */
export interface WatcherTransport {
  readonly kind: 'socket' | 'sse';
  send(frame: StoredFrame): void;
  /** Bytes that the peer has not taken yet. */
  bufferedBytes(): number;
  close(code: number, reason: string): void;
}

export interface WatcherPorts {
  /** Events after a position up to `end`, oldest first. */
  read(position: number, end: number, limit: number): Promise<StoredFrame[]>;
  failed(error: unknown): void;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  /** The watcher ended; with the code that it closed its connection with, or undefined when the peer left. */
  closed(code: number | undefined): void;
}

/** Told when everything up to `seq` was sent. */
export interface Milestone {
  readonly seq: number;
  reached(): void;
}

const MAX_UNSENT_BYTES = 1024 * 1024;
const READ_LIMIT = 100;
const LOOK_AGAIN_MS = 50;
const NO_PROGRESS_MS = 30_000;
export const CLOSE_TOO_SLOW = 1013;

/**
 * One connection's way through a session's log. There is one position: a batch from memory counts only when it begins
 * right behind it, everything else is read from the log, so nothing is lost or doubled. It reads no further than it was told that
 * the log reaches: what stands behind that may be left of an executor that died, and does not count.
 */
export class Watcher {
  private position: number | undefined;
  private isReading = false;
  /** The log is known to reach so far. */
  private logEnd = 0;
  private isClosed = false;
  private milestone: Milestone | undefined;
  private end: { readonly seq: number; readonly code: number; readonly reason: string } | undefined;
  /** Nothing is sent before the peer has taken some of what it has. */
  private isWaitingForPeer = false;

  constructor(
    private readonly transport: WatcherTransport,
    private readonly ports: WatcherPorts,
  ) {}

  get isFollowing(): boolean {
    return this.position !== undefined;
  }

  /** Everything after this position in a log that reaches to `end`, then what happens. A later call moves the position. `milestone` is told once. */
  follow(position: number, end: number, milestone?: Milestone): void {
    this.position = position;
    this.milestone = milestone;
    this.reachMilestone();
    this.caughtUpTo(end);
  }

  /** A committed batch, from memory. */
  offer(frames: readonly StoredFrame[]): void {
    const first = frames[0];
    if (this.isClosed || first === undefined) return;
    this.logEnd = Math.max(this.logEnd, first.seq + frames.length - 1);
    if (this.position === undefined) return;
    const isNext = first.seq === this.position + 1 && !this.isReading && !this.isWaitingForPeer && !this.isCongested();
    if (isNext) this.deliver(frames);
    else void this.catchUp();
  }

  /** The log reaches so far: what is not sent of it yet is read. */
  caughtUpTo(seq: number): void {
    this.logEnd = Math.max(this.logEnd, seq);
    void this.catchUp();
  }

  /** Whether it was told, or sent, everything up to `seq`. */
  knows(seq: number): boolean {
    return this.logEnd >= seq;
  }

  /** Closes the connection as soon as everything up to `seq` was sent; at once when it follows nothing. */
  closeAt(seq: number, code: number, reason: string): void {
    if (this.isClosed) return;
    this.end = { seq, code, reason };
    this.closeIfDone();
  }

  /** The peer left, or the process ends. */
  stop(): void {
    this.finish(undefined);
  }

  private async catchUp(): Promise<void> {
    if (this.isReading || this.isWaitingForPeer) return;
    this.isReading = true;
    try {
      while (this.isBehind() && !this.isClosed && this.position !== undefined && !this.isCongested()) {
        const before = this.position;
        const frames = await this.ports.read(before, this.logEnd, READ_LIMIT);
        if (this.isClosed) return;
        if (this.position !== before) continue; // moved meanwhile by a resume
        if (frames.length === 0) return; // removed with its session
        this.deliver(frames);
      }
    } catch (error) {
      this.ports.failed(error); // the poll wakes us again
    } finally {
      this.isReading = false;
    }
    if (this.isBehind() && !this.isClosed && this.isCongested()) void this.waitForPeer();
  }

  /** Something is in the log behind the position. */
  private isBehind(): boolean {
    return this.position !== undefined && this.position < this.logEnd;
  }

  private deliver(frames: readonly StoredFrame[]): void {
    for (const frame of frames) {
      if (this.isClosed || this.isCongested()) break;
      this.transport.send(frame);
      this.position = frame.seq;
      this.reachMilestone();
    }
    this.closeIfDone();
    if (!this.isReading && this.isBehind()) void this.catchUp();
  }

  private isCongested(): boolean {
    return this.transport.bufferedBytes() > MAX_UNSENT_BYTES;
  }

  /** Stops reading the log for a peer that does not take what it gets; looks again until it does, or gives up. */
  private async waitForPeer(): Promise<void> {
    const { clock } = this.ports;
    this.isWaitingForPeer = true;
    let leastBytes = this.transport.bufferedBytes();
    let progressAtMs = clock.monotonicMs();
    while (!this.isClosed && leastBytes > MAX_UNSENT_BYTES / 2) {
      await clock.sleep(LOOK_AGAIN_MS);
      const bytes = this.transport.bufferedBytes();
      if (bytes < leastBytes) {
        leastBytes = bytes;
        progressAtMs = clock.monotonicMs();
      } else if (clock.monotonicMs() - progressAtMs > NO_PROGRESS_MS) {
        this.close(CLOSE_TOO_SLOW, 'too slow: resume after the last seq');
      }
    }
    this.isWaitingForPeer = false;
    if (!this.isClosed) void this.catchUp();
  }

  private reachMilestone(): void {
    const { milestone } = this;
    if (!milestone || this.position === undefined || this.position < milestone.seq) return;
    this.milestone = undefined;
    milestone.reached();
  }

  private closeIfDone(): void {
    if (this.end && (this.position === undefined || this.position >= this.end.seq)) this.close(this.end.code, this.end.reason);
  }

  private close(code: number, reason: string): void {
    if (this.isClosed) return;
    this.transport.close(code, reason);
    this.finish(code);
  }

  private finish(code: number | undefined): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.ports.closed(code);
  }
}

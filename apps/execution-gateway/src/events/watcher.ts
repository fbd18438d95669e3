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
  /** Events after a position, oldest first. */
  read(position: number, limit: number): Promise<StoredFrame[]>;
  failed(error: unknown): void;
  /** The watcher ended; with the code that it closed its connection with, or null when the peer left. */
  closed(code: number | null): void;
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
 * right behind it, everything else is read from the log, so nothing is lost or doubled.
 */
export class Watcher {
  private position: number | null = null;
  private isReading = false;
  /** Something may be in the log behind the position. */
  private isBehind = false;
  private isClosed = false;
  private milestone: Milestone | null = null;
  private end: { readonly seq: number; readonly code: number; readonly reason: string } | null = null;
  private timer: NodeJS.Timeout | undefined;
  private leastBuffered = Infinity;
  private progressAt = 0;

  constructor(
    private readonly transport: WatcherTransport,
    private readonly ports: WatcherPorts,
  ) {}

  get isFollowing(): boolean {
    return this.position !== null;
  }

  /** Everything after this position, then what happens. A later call moves the position. `milestone` is told once. */
  follow(position: number, milestone: Milestone | null = null): void {
    this.position = position;
    this.milestone = milestone;
    this.tellMilestone();
    this.wake();
  }

  /** A committed batch, from memory. */
  offer(frames: readonly StoredFrame[]): void {
    const first = frames[0];
    if (this.isClosed || this.position === null || first === undefined) return;
    if (this.isReading || this.timer !== undefined || first.seq !== this.position + 1 || this.isCongested()) {
      this.wake();
      return;
    }
    this.deliver(frames);
  }

  /** There may be something new in the log. */
  wake(): void {
    this.isBehind = true;
    void this.catchUp();
  }

  /** The log was seen to end there; wakes a watcher that has not got so far. */
  caughtUpTo(seq: number): void {
    if (this.position !== null && this.position < seq) this.wake();
  }

  /** Closes the connection as soon as everything up to `seq` was sent; at once when it follows nothing. */
  closeAt(seq: number, code: number, reason: string): void {
    if (this.isClosed) return;
    this.end = { seq, code, reason };
    this.closeIfDone();
  }

  /** The peer left, or the process ends. */
  stop(): void {
    this.finish(null);
  }

  private async catchUp(): Promise<void> {
    if (this.isReading || this.timer !== undefined) return;
    this.isReading = true;
    try {
      while (this.isBehind && !this.isClosed && this.position !== null && !this.isCongested()) {
        this.isBehind = false;
        const before = this.position;
        const frames = await this.ports.read(before, READ_LIMIT);
        if (this.isClosed) return;
        if (this.position !== before) {
          this.isBehind = true; // moved meanwhile by a resume
          continue;
        }
        if (frames.length === READ_LIMIT) this.isBehind = true;
        this.deliver(frames);
      }
    } catch (error) {
      this.ports.failed(error); // the poll wakes us again
    } finally {
      this.isReading = false;
    }
    if (this.isBehind && !this.isClosed && this.isCongested()) this.waitForPeer();
  }

  private deliver(frames: readonly StoredFrame[]): void {
    for (const frame of frames) {
      if (this.isClosed) return;
      if (this.isCongested()) {
        this.isBehind = true;
        break;
      }
      this.transport.send(frame);
      this.position = frame.seq;
      this.tellMilestone();
    }
    this.closeIfDone();
    if (this.isBehind && !this.isReading) void this.catchUp();
  }

  private isCongested(): boolean {
    return this.transport.bufferedBytes() > MAX_UNSENT_BYTES;
  }

  /** Stops reading the log for a peer that does not take what it gets; looks again until it does, or gives up. */
  private waitForPeer(): void {
    this.leastBuffered = this.transport.bufferedBytes();
    this.progressAt = performance.now();
    const look = (): void => {
      this.timer = undefined;
      if (this.isClosed) return;
      const buffered = this.transport.bufferedBytes();
      if (buffered <= MAX_UNSENT_BYTES / 2) {
        this.wake();
        return;
      }
      if (buffered < this.leastBuffered) {
        this.leastBuffered = buffered;
        this.progressAt = performance.now();
      } else if (performance.now() - this.progressAt > NO_PROGRESS_MS) {
        this.close(CLOSE_TOO_SLOW, 'too slow: resume after the last seq');
        return;
      }
      this.timer = setTimeout(look, LOOK_AGAIN_MS);
    };
    this.timer = setTimeout(look, LOOK_AGAIN_MS);
  }

  private tellMilestone(): void {
    const { milestone } = this;
    if (!milestone || this.position === null || this.position < milestone.seq) return;
    this.milestone = null;
    milestone.reached();
  }

  private closeIfDone(): void {
    if (this.end && (this.position === null || this.position >= this.end.seq)) this.close(this.end.code, this.end.reason);
  }

  private close(code: number, reason: string): void {
    if (this.isClosed) return;
    this.transport.close(code, reason);
    this.finish(code);
  }

  private finish(code: number | null): void {
    if (this.isClosed) return;
    this.isClosed = true;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.ports.closed(code);
  }
}

import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { DestinationStream } from 'pino';

/** A line waits at most so long: many lines make one write. What a `kill -9` may lose. */
const FLUSH_MS = 2;
const RETRY_MS = 500;
/** Beyond that many bytes in waiting, lines are written at once. */
const WRITE_ABOVE_BYTES = 64 * 1024;
/** Beyond that many bytes in waiting, lines are dropped. */
export const MAX_WAITING_BYTES = 1024 * 1024;

/** Writes bytes, without ever waiting, and says how many it took. Throws what the file system says, `EAGAIN` included. */
export type WriteBytes = (bytes: Buffer) => number;

/** Hears of lines that could not be written. */
export interface LogWatcher {
  /** One line is lost. */
  dropped(): void;
  /**
   * Writing works again.
   * @param lines how many were lost
   * @param code why, as the file system said it: `ENOSPC`, `EPIPE`, `EAGAIN`
   */
  recovered(lines: number, code: string): void;
}

/**
 * Where the lines of the log go: to memory, and from there to the standard output in one write for many. A full disk, a pipe whose
 * reader is gone or sleeps, never stops the process: what cannot be written waits, up to 1 MiB; what comes then is dropped and counted,
 * and told in one line when writing works again. Lines of errors are written at once, the others within 2 ms and at the exit.
 */
export class LogDestination implements DestinationStream {
  private lines: string[] = [];
  /** Rest of what was written in part; goes first, so that no line is torn. */
  private rest: Buffer | undefined;
  private waitingBytes = 0;
  private timer: NodeJS.Timeout | undefined;
  private failure: string | undefined;
  private droppedLines = 0;
  private watcher: LogWatcher | undefined;

  constructor(private readonly writeBytes: WriteBytes) {}

  watch(watcher: LogWatcher): void {
    this.watcher = watcher;
  }

  write(line: string): void {
    if (this.waitingBytes > MAX_WAITING_BYTES) {
      this.droppedLines++;
      this.watcher?.dropped();
      return;
    }
    this.lines.push(line);
    this.waitingBytes += line.length; // close enough: most of a line is ASCII
    if (this.failure !== undefined) return; // the timer tries again
    if (this.waitingBytes > WRITE_ABOVE_BYTES || line.startsWith('{"level":"error"') || line.startsWith('{"level":"fatal"')) this.flush();
    else this.later(FLUSH_MS);
  }

  /** Writes what waits, as far as that is possible without waiting. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const bytes = this.takeWaiting();
    let written = 0;
    try {
      while (written < bytes.length) {
        const count = this.writeBytes(bytes.subarray(written));
        if (count === 0) throw Object.assign(new Error('nothing was taken'), { code: 'EAGAIN' });
        written += count;
      }
    } catch (error) {
      this.rest = bytes.subarray(written);
      this.waitingBytes = this.rest.length;
      this.failure ??= codeOf(error);
      this.later(RETRY_MS);
      return;
    }
    this.recover();
  }

  private takeWaiting(): Buffer {
    const { rest, lines } = this;
    this.rest = undefined;
    this.lines = [];
    this.waitingBytes = 0;
    const text = Buffer.from(lines.join(''));
    return rest === undefined ? text : Buffer.concat([rest, text]);
  }

  private recover(): void {
    const code = this.failure;
    const lines = this.droppedLines;
    this.failure = undefined;
    this.droppedLines = 0;
    if (code !== undefined && lines > 0) this.watcher?.recovered(lines, code);
  }

  private later(ms: number): void {
    this.timer ??= setTimeout(() => this.flush(), ms).unref();
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}

/**
 * Writes to the standard output without waiting. A file or pipe is opened a second time for this, since its way of waiting is shared with
 * the processes that have it too. What cannot be opened so (a socket, or the pipe of another user) is told not to wait.
 */
export function standardOutput(): WriteBytes {
  let descriptor = 1;
  try {
    descriptor = openSync('/proc/self/fd/1', constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK);
  } catch {
    const kind = fstatSync(1);
    if (kind.isSocket() || kind.isFIFO()) new Socket({ fd: 1, readable: false, writable: true }).unref(); // making it sets the mode; nothing is written to it
  }
  return (bytes) => writeSync(descriptor, bytes);
}

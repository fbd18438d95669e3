import type { EventListeners } from './agent-events';
import type { AgentMode } from './agent-health';

/** The mode that the client is in. What belongs to it (loops, pauses, connects) hangs on `signal` and ends with it. */
export class ClientModes {
  mode: AgentMode = 'local';
  /** Stopped for good: no mode comes after it. */
  isOver = false;
  private period = new AbortController();

  constructor(private readonly listeners: EventListeners) {}

  get signal(): AbortSignal {
    return this.period.signal;
  }

  enter(mode: AgentMode, reason: string): void {
    this.period.abort();
    this.period = new AbortController();
    const from = this.mode;
    this.mode = mode;
    if (from !== mode) this.listeners.emit('mode', { from, to: mode, reason });
  }

  /** Nothing more is sent. Does nothing the second time. */
  end(reason: string): void {
    if (this.isOver) return;
    this.isOver = true;
    this.enter('stopped', reason);
    this.endWork();
    this.listeners.emit('stopped', { reason });
  }

  /** Nothing new is begun in the present mode. */
  endWork(): void {
    this.period.abort();
  }
}

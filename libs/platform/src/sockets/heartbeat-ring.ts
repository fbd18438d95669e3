import { WebSocket } from 'ws';
import type { FleetSocket, SocketLimits } from './socket-types';

const SLOTS = 32;
const STALE_CLOSE = 4408;
const SLOW_CLOSE = 4413;
const SLOW_LIMIT_MS = 30_000;
const CLOSE_GRACE_MS = 1000;

/**
 * Pings and watches the sockets of one path. Sockets are spread over slots of the ping interval, so that thousands of them
 * do not tick together and a tick looks only at its own share.
 */
export class HeartbeatRing {
  private readonly slots: Set<FleetSocket>[] = Array.from({ length: SLOTS }, () => new Set());
  private readonly congested = new Set<FleetSocket>();
  private readonly timer: NodeJS.Timeout;
  private readonly congestionTimer: NodeJS.Timeout;
  private current = 0;

  constructor(private readonly limits: SocketLimits) {
    this.timer = setInterval(() => this.tick(), Math.max(1, limits.pingIntervalMs / SLOTS));
    this.congestionTimer = setInterval(() => this.relieve(), 250);
    this.timer.unref();
    this.congestionTimer.unref();
  }

  add(socket: FleetSocket): void {
    socket.lastSeenAt = performance.now();
    socket.slot = Math.floor(Math.random() * SLOTS);
    this.slots[socket.slot]?.add(socket);
  }

  remove(socket: FleetSocket): void {
    this.slots[socket.slot]?.delete(socket);
    this.congested.delete(socket);
  }

  /** Stops reading a peer that does not read what it is sent. */
  watchBuffer(socket: FleetSocket): void {
    if (socket.congestedSince !== undefined || socket.bufferedAmount <= this.limits.maxBufferedBytes) return;
    socket.congestedSince = performance.now();
    this.congested.add(socket);
    socket.pauseFor('unsent');
  }

  stop(): void {
    clearInterval(this.timer);
    clearInterval(this.congestionTimer);
  }

  private tick(): void {
    this.current = (this.current + 1) % SLOTS;
    const now = performance.now();
    for (const socket of this.slots[this.current] ?? []) {
      if (socket.isPaused) continue; // we do not read it, so its silence proves nothing
      if (now - socket.lastSeenAt >= this.limits.staleAfterMs) closeHard(socket, STALE_CLOSE, 'no sign of life');
      else if (socket.readyState === WebSocket.OPEN) socket.ping();
    }
  }

  private relieve(): void {
    const now = performance.now();
    for (const socket of this.congested) {
      if (socket.bufferedAmount <= this.limits.maxBufferedBytes / 2) {
        socket.congestedSince = undefined;
        this.congested.delete(socket);
        socket.resumeFrom('unsent');
      } else if (now - (socket.congestedSince ?? now) > SLOW_LIMIT_MS) {
        this.congested.delete(socket);
        closeHard(socket, SLOW_CLOSE, 'not reading');
      }
    }
  }
}

/** Closes, and cuts the connection a second later when the peer does not answer. */
export function closeHard(socket: FleetSocket, code: number, reason: string): void {
  if (socket.readyState === WebSocket.CLOSED) return;
  socket.close(code, reason);
  if (socket.isPaused) socket.resume(); // the peer's close frame has to be read
  setTimeout(() => socket.terminate(), CLOSE_GRACE_MS).unref();
}

import { runInContext } from '../observe/request-context';
import { FleetSocket } from './socket-types';

/** Handles one frame; never rejects. */
export type FrameWork = () => Promise<void>;

/** A peer that sends faster than we work is not read for a while when so many of its frames wait. */
const MAX_WAITING_FRAMES = 64;
/** One whose lanes are too many at work is not read either: each may hold a connection to the database. */
const MAX_WORKING_LANES = 64;

/** The lane of everything that is not said to belong elsewhere. */
export const CONTROL_LANE = '';

/** A lane at work; there is none while nothing of it waits. */
interface Lane {
  readonly waiting: FrameWork[];
  /** Told when it is done. */
  idle: (() => void)[] | undefined;
}

/**
 * The frames of one socket, one after the other within each lane and independent between lanes: a registration that waits for the
 * database holds back no data of a request under way. Thousands of sockets are idle, so that an idle one holds next to nothing.
 */
export class FrameLanes {
  private lanes: Map<string, Lane> | undefined;
  private waiting = 0;
  private working = 0;
  private isPaused = false;

  constructor(private readonly socket: FleetSocket) {}

  /** Resolves when the frames of the control lane that came until now are answered. Data may go on for ever. */
  answered(): Promise<void> {
    const control = this.lanes?.get(CONTROL_LANE);
    return control ? new Promise((resolve) => (control.idle ??= []).push(resolve)) : Promise.resolve();
  }

  add(name: string, work: FrameWork): void {
    const lane = this.lanes?.get(name);
    if (lane) {
      lane.waiting.push(work);
      if (++this.waiting >= MAX_WAITING_FRAMES) this.pause();
      return;
    }
    const begun: Lane = { waiting: [], idle: undefined };
    (this.lanes ??= new Map()).set(name, begun);
    if (++this.working >= MAX_WORKING_LANES) this.socket.pauseFor('lanes');
    const { correlationId, remoteAddress } = this.socket;
    void runInContext({ correlationId, traceparent: undefined, sourceAddress: remoteAddress }, () => this.run(name, begun, work));
  }

  private async run(name: string, lane: Lane, first: FrameWork): Promise<void> {
    for (let next: FrameWork | undefined = first; next; next = this.nextOf(lane)) {
      if (this.socket.readyState !== FleetSocket.OPEN) break;
      await next();
    }
    this.waiting -= lane.waiting.length;
    this.lanes?.delete(name); // the next frame begins it anew
    if (--this.working === 0) this.lanes = undefined;
    for (const resolve of lane.idle ?? []) resolve();
    if (this.isPaused && this.waiting < MAX_WAITING_FRAMES) this.resumeNextTurn();
    if (this.working < MAX_WORKING_LANES) this.socket.resumeFrom('lanes');
  }

  private nextOf(lane: Lane): FrameWork | undefined {
    const next = lane.waiting.shift();
    if (next) this.waiting--;
    return next;
  }

  private pause(): void {
    this.isPaused = true;
    this.socket.pauseFor('frames');
  }

  /** Not at once: a peer that floods would be read again and again, while all others wait for their turn. */
  private resumeNextTurn(): void {
    this.isPaused = false;
    setImmediate(() => {
      if (!this.isPaused) this.socket.resumeFrom('frames');
    });
  }
}

import { runInContext } from '../observe/request-context';
import { FleetSocket } from './socket-types';

/** Handles one frame; never rejects. */
export type FrameWork = () => Promise<void>;

/** A peer that sends faster than we work is not read for a while when so many of its frames wait. */
const MAX_WAITING_FRAMES = 64;

/** The lane of everything that is not said to belong elsewhere. */
export const CONTROL_LANE = '';

interface Lane {
  readonly waiting: FrameWork[];
  isWorking: boolean;
}

/**
 * The frames of one socket, one after the other within each lane and independent between lanes: a registration that waits for the
 * database holds back no data of a request under way.
 */
export class FrameLanes {
  private readonly lanes = new Map<string, Lane>();
  private waiting = 0;
  private working = 0;

  constructor(private readonly socket: FleetSocket) {}

  /** A frame is being handled. */
  get isWorking(): boolean {
    return this.working > 0;
  }

  add(name: string, work: FrameWork): void {
    let lane = this.lanes.get(name);
    if (!lane) this.lanes.set(name, (lane = { waiting: [], isWorking: false }));
    lane.waiting.push(work);
    this.waiting++;
    if (lane.isWorking) {
      if (this.waiting >= MAX_WAITING_FRAMES) this.socket.pauseFor('frames');
      return;
    }
    lane.isWorking = true;
    this.working++;
    const { correlationId, remoteAddress } = this.socket;
    const begun = lane;
    void runInContext({ correlationId, traceparent: undefined, sourceAddress: remoteAddress }, () => this.run(name, begun));
  }

  private async run(name: string, lane: Lane): Promise<void> {
    for (let next = lane.waiting.shift(); next; next = lane.waiting.shift()) {
      this.waiting--;
      if (this.socket.readyState !== FleetSocket.OPEN) break;
      await next();
    }
    this.waiting -= lane.waiting.length;
    this.lanes.delete(name); // the next frame begins it anew
    this.working--;
    if (this.waiting < MAX_WAITING_FRAMES) this.socket.resumeFrom('frames');
  }
}

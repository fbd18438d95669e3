import type { JsonObject } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import type { Log } from '../observe/log';
import { CONTROL_LANE, type FrameLanes } from './frame-lanes';
import { parseFrame } from './frames';
import { closeHard } from './heartbeat-ring';
import type { FrameMethod, GatewayFrames } from './on-frame';
import type { FleetSocket, FrameProblem, SocketPolicy } from './socket-types';

const BAD_FRAME_WINDOW_MS = 10_000;
const OPENING_BRACE = 0x7b;

/** From the bytes of one frame to its answer. */
export class FrameDispatch {
  constructor(
    private readonly policy: SocketPolicy<unknown>,
    private readonly frames: GatewayFrames,
    private readonly discriminator: string,
    private readonly log: Log,
  ) {}

  /** Reads a frame at once and hands it to its lane. */
  receive(socket: FleetSocket, lanes: FrameLanes, bytes: Buffer, isBinary: boolean): void {
    const isJson = !isBinary || (this.policy.acceptsBinaryJson === true && bytes[0] === OPENING_BRACE);
    if (!isJson) {
      const { binary } = this.frames;
      if (binary) lanes.add(this.policy.laneOf?.(bytes) ?? CONTROL_LANE, () => this.handle(socket, bytes, binary, {}));
      else this.refuse(socket, lanes, { kind: 'binary', data: bytes });
      return;
    }
    const parsed = parseFrame(bytes, this.discriminator, this.policy.maxDepth ?? 64);
    if (!parsed.ok) return this.refuse(socket, lanes, parsed.problem);
    const { name, frame } = parsed;
    const method = this.frames.get(name);
    if (!method) return this.refuse(socket, lanes, { kind: 'unknown', name, frame });
    lanes.add(this.policy.laneOf?.(frame) ?? CONTROL_LANE, () => this.handle(socket, frame, method, frame));
  }

  /** @param shown of the frame, in the problem that it may become */
  private async handle<Frame>(socket: FleetSocket, frame: Frame, method: FrameMethod<Frame>, shown: JsonObject): Promise<void> {
    try {
      this.answer(socket, await method(frame, socket as FleetSocket<never>)); // the gateway's policy made its context
    } catch (error) {
      if (!(error instanceof AppError)) this.log.error({ err: error, frame: shown[this.discriminator] ?? 'binary' }, 'A frame could not be handled');
      this.answerProblem(socket, { kind: 'failed', error, frame: shown });
    }
  }

  private answer(socket: FleetSocket, reply: unknown): void {
    if (typeof reply === 'string' || (typeof reply === 'object' && reply !== null)) socket.push(reply);
  }

  /** In its turn, like an answer. */
  private refuse(socket: FleetSocket, lanes: FrameLanes, problem: FrameProblem): void {
    lanes.add(CONTROL_LANE, async () => this.answerProblem(socket, problem));
  }

  /** A problem that the policy answers with nothing is none: some frames of others' protocols are dropped by contract. */
  private answerProblem(socket: FleetSocket, problem: FrameProblem): void {
    const reply = this.policy.problemReply(problem, socket);
    if (reply === undefined) return;
    const now = performance.now();
    const bad = (socket.badFrames ??= { count: 0, windowEndsAt: 0 });
    if (bad.windowEndsAt <= now) {
      bad.count = 0;
      bad.windowEndsAt = now + BAD_FRAME_WINDOW_MS;
    }
    bad.count++;
    if (bad.count > this.policy.limits().badFramesPer10s) {
      this.log.warn({ socket: socket.id, remote_address: socket.remoteAddress }, 'Socket closed: too many bad frames');
      closeHard(socket, 1008, 'too many bad messages');
      return;
    }
    this.answer(socket, reply);
  }
}

import { isJsonObject, type JsonObject } from '@agentfleet/contracts';
import { Injectable, Module } from '@nestjs/common';
import { probeApp } from '../probe-app.fixture';
import { OnBinaryFrame, OnFrame } from './on-frame';
import { SocketGateway } from './socket-gateway';
import type { FleetSocket, FrameProblem, SocketPolicy, UpgradeDecision } from './socket-types';

@Injectable()
export class LanesPolicy implements SocketPolicy<object> {
  readonly acceptsBinaryJson = true;

  limits() {
    return { maxPayloadBytes: 100_000, pingIntervalMs: 1000, staleAfterMs: 5000, maxBufferedBytes: 200_000, badFramesPer10s: 12 };
  }

  authorise(): Promise<UpgradeDecision<object>> {
    return Promise.resolve({ kind: 'accept', context: {} });
  }

  /** Binary frames begin with a digit that names their lane. */
  laneOf(frame: JsonObject | Buffer): string | undefined {
    if (isJsonObject(frame) && !Buffer.isBuffer(frame)) return typeof frame['lane'] === 'string' ? frame['lane'] : undefined;
    return Buffer.isBuffer(frame) ? frame.toString('latin1', 0, 1) : undefined;
  }

  problemReply(problem: FrameProblem): object {
    return { error: problem.kind };
  }
}

/** A gateway whose frames wait until a spec lets them go on. */
@SocketGateway({ path: '/lanes/{id}', discriminator: 'action', policy: LanesPolicy })
export class LanesGateway {
  readonly held: (() => void)[] = [];
  readonly seen: string[] = [];
  socket: FleetSocket | undefined;

  handleConnection(socket: FleetSocket): void {
    this.socket = socket;
  }

  @OnFrame('hold')
  async hold(frame: JsonObject): Promise<object> {
    await new Promise<void>((resolve) => this.held.push(resolve));
    return { held: frame['value'] };
  }

  @OnFrame('say')
  say(frame: JsonObject): object {
    this.seen.push(String(frame['value']));
    return { said: frame['value'] };
  }

  @OnBinaryFrame()
  bytes(frame: Buffer, socket: FleetSocket): void {
    if (frame.length === 1) throw new Error('nothing in it');
    socket.push(Buffer.concat([Buffer.from('got '), frame]));
  }
}

@Module({ providers: [LanesPolicy, LanesGateway] })
class LanesModule {}

export const lanesApp = { ...probeApp, module: LanesModule };

import { KNOWN_ACTIONS, unknownActionText, type JsonObject, type JsonValue } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { asAppError, ENV, hasAnyScope, LOG, type Caller, type FleetSocket, type FrameProblem, type LiveCaller, type Log, type SocketLimits, type SocketPolicy, type UpgradeDecision, type UpgradeRequest } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import type { ExecutionGatewayEnv } from '../env';
import type { Watcher } from '../events/watcher';
import { GatewayMetrics } from '../metrics';
import { SessionStates } from '../sessions/session-states';
import { ConnectionFrames } from './connection-frames';

/** What a connection on `/sessions/{id}/execute` knows of itself. */
export interface ExecuteContext {
  /** As it was when the socket was opened. */
  readonly caller: Caller;
  readonly sessionKey: string;
  readonly sessionId: string;
  /** The caller with its present rights, and its way through the log; set as soon as the socket is open. */
  live: LiveCaller | undefined;
  watcher: Watcher | undefined;
}

/** Far above what a watcher leaves unsent (1 MiB): slow readers are the watcher's business. */
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024;

/** Who may open an execute socket, and how bad frames are answered. */
@Injectable()
export class ExecuteSocketPolicy implements SocketPolicy<ExecuteContext> {
  private sockets = 0;

  constructor(
    private readonly states: SessionStates,
    private readonly frames: ConnectionFrames,
    private readonly metrics: GatewayMetrics,
    @Inject(ENV) private readonly env: ExecutionGatewayEnv,
    @Inject(LOG) private readonly log: Log,
  ) {}

  limits(): SocketLimits {
    return {
      maxPayloadBytes: this.env.GATEWAY_WS_MAX_PAYLOAD_BYTES,
      pingIntervalMs: 20_000,
      staleAfterMs: 45_000,
      maxBufferedBytes: MAX_BUFFERED_BYTES,
      badFramesPer10s: 200,
    };
  }

  async authorise(request: UpgradeRequest): Promise<UpgradeDecision<ExecuteContext>> {
    const caller = await request.authenticate();
    if (!hasAnyScope(caller, ['sessions:read'])) throw new AppError('forbidden', { message: 'Missing scope sessions:read' });
    const { session } = await this.states.get(caller.orgId, request.params['id'] ?? '');
    if (this.sockets >= this.env.GATEWAY_MAX_SOCKETS) throw new AppError('capacity', { message: 'This replica has no free sockets', retryAfterSeconds: 2 });
    this.sockets += 1;
    return { kind: 'accept', context: { caller, sessionKey: session._id, sessionId: session.session_id, live: undefined, watcher: undefined } };
  }

  release(context: ExecuteContext): void {
    this.sockets -= 1;
    context.watcher?.stop();
  }

  problemReply(problem: FrameProblem, socket: FleetSocket<ExecuteContext>): object | undefined {
    switch (problem.kind) {
      case 'binary':
        return this.refused('binary', 'Binary frames are not accepted; send JSON as text');
      case 'unknown':
        return this.unknownAction(problem.name);
      case 'malformed':
        if (problem.reason === 'no_name') return this.unknownAction(actionOf(problem.frame));
        return this.refused('malformed', 'Invalid JSON');
      case 'failed':
        return this.failed(problem.error, socket);
    }
  }

  private failed(error: unknown, socket: FleetSocket<ExecuteContext>): object | undefined {
    const known = asAppError(error);
    if (known) {
      this.metrics.framesRefused.inc({ reason: known.code });
      return this.frames.problem(known);
    }
    this.log.error({ session_id: socket.context.sessionId, err: error }, 'A socket is closed because of an unexpected error');
    socket.close(1011, 'internal error');
    return undefined;
  }

  /** The message is fixed by the contract, so the actions that exist stand beside it. */
  private unknownAction(action: JsonValue | undefined): object {
    this.metrics.framesRefused.inc({ reason: 'unknown' });
    return this.frames.error('bad_frame', unknownActionText(action), { field: 'action', known_actions: KNOWN_ACTIONS });
  }

  private refused(reason: string, message: string): object {
    this.metrics.framesRefused.inc({ reason });
    return this.frames.badFrame(message);
  }
}

function actionOf(frame: JsonObject | undefined): JsonValue | undefined {
  return frame && Object.hasOwn(frame, 'action') ? frame['action'] : undefined;
}

import { parseExecuteMessage, type ExecuteMessage, type JsonObject, type RunRequest } from '@agentfleet/contracts';
import { AppError, unreachable } from '@agentfleet/errors';
import { closeHard, ENV, LiveCallers, OnFrame, SocketGateway, type Caller, type FleetSocket } from '@agentfleet/platform';
import { Inject } from '@nestjs/common';
import type { ExecutionGatewayEnv } from '../env';
import { SessionFeeds } from '../events/session-feeds';
import type { Watcher } from '../events/watcher';
import { GatewayMetrics } from '../metrics';
import { AdmitRun } from '../runs/admit-run';
import { CancelRun } from '../runs/cancel-run';
import { SessionStates } from '../sessions/session-states';
import { ConnectionFrames } from './connection-frames';
import { ExecuteSocketPolicy, type ExecuteContext } from './execute-policy';

type Socket = FleetSocket<ExecuteContext>;
type Reply = object | undefined;

/** The plain dialect's socket, `/sessions/{id}/execute`. It says nothing before the client's first frame. */
@SocketGateway({ path: '/sessions/{id}/execute', discriminator: 'action', policy: ExecuteSocketPolicy })
export class ExecuteGateway {
  constructor(
    private readonly feeds: SessionFeeds,
    private readonly states: SessionStates,
    private readonly admitRun: AdmitRun,
    private readonly cancelRun: CancelRun,
    private readonly callers: LiveCallers,
    private readonly frames: ConnectionFrames,
    private readonly metrics: GatewayMetrics,
    @Inject(ENV) private readonly env: ExecutionGatewayEnv,
  ) {}

  handleConnection(socket: Socket): void {
    const { context } = socket;
    const live = this.callers.add(context.caller, ['sessions:read'], () => closeHard(socket, 1008, 'credential revoked'));
    context.live = live;
    socket.once('close', () => live.remove());
    const session = { key: context.sessionKey, orgId: context.caller.orgId, sessionId: context.sessionId };
    context.watcher = this.feeds.watch(session, {
      kind: 'socket',
      send: (frame) => socket.push(frame.frame),
      bufferedBytes: () => socket.bufferedAmount,
      close: (code, reason) => socket.close(code, reason),
    });
  }

  @OnFrame('execute')
  execute(frame: JsonObject, socket: Socket): Promise<Reply> {
    return this.handle(frame, socket);
  }

  @OnFrame('resume')
  resume(frame: JsonObject, socket: Socket): Promise<Reply> {
    return this.handle(frame, socket);
  }

  @OnFrame('cancel')
  cancel(frame: JsonObject, socket: Socket): Promise<Reply> {
    return this.handle(frame, socket);
  }

  @OnFrame('ping')
  ping(frame: JsonObject, socket: Socket): Promise<Reply> {
    return this.handle(frame, socket);
  }

  private async handle(frame: JsonObject, socket: Socket): Promise<Reply> {
    const parsed = parseExecuteMessage(frame, { maxInputBytes: this.env.GATEWAY_MAX_INPUT_BYTES });
    if (!parsed.ok) {
      this.metrics.framesRefused.inc({ reason: 'field' });
      const { message, field } = parsed.problem;
      return this.frames.badFrame(message, field);
    }
    const watcher = socket.context.watcher;
    return watcher ? this.act(parsed.message, socket, watcher) : undefined;
  }

  private async act(message: ExecuteMessage, socket: Socket, watcher: Watcher): Promise<Reply> {
    switch (message.action) {
      case 'execute':
        return this.start(message.request, socket.context, watcher);
      case 'resume':
        return this.follow(message, socket, watcher);
      case 'cancel':
        return this.end(message.reason, socket.context);
      case 'ping':
        return this.frames.frame('pong', {});
      default:
        return unreachable(message);
    }
  }

  /** Follows the new run from its first event; a repeated key follows the run that it started. */
  private async start(request: RunRequest, context: ExecuteContext, watcher: Watcher): Promise<Reply> {
    allowedToExecute(context);
    const { run, isReplay } = await this.admitRun.run(context.sessionKey, request);
    // A connection that follows already gets to the new run by itself, without missing what lies before it.
    if (isReplay || !watcher.isFollowing) watcher.follow(run.first_seq - 1, run.last_seq);
    return undefined;
  }

  private async follow(message: { afterSeq: number; ack: boolean }, socket: Socket, watcher: Watcher): Promise<Reply> {
    const { run } = await this.states.getLiving(socket.context.sessionKey);
    const lastSeq = run?.last_seq ?? 0;
    const ack = (): void => socket.push(this.frames.frame('status', { status: 'replay_complete', message: 'Everything stored so far was sent.', last_seq: lastSeq }));
    watcher.follow(Math.min(message.afterSeq, lastSeq), lastSeq, message.ack ? { seq: lastSeq, reached: ack } : undefined);
    return undefined;
  }

  private async end(reason: string | undefined, context: ExecuteContext): Promise<Reply> {
    const outcome = await this.cancelRun.run(allowedToExecute(context), context.sessionKey, reason);
    if (outcome.acted) return undefined;
    return this.frames.frame('status', { status: 'idle', message: 'There is no run to cancel.' });
  }
}

/** The caller, when it has the right at this moment: a connection outlives changes of its key. @throws AppError forbidden */
function allowedToExecute({ live }: ExecuteContext): Caller {
  if (!live?.has('sessions:execute')) throw new AppError('forbidden', { message: 'Missing scope sessions:execute' });
  return live.caller;
}

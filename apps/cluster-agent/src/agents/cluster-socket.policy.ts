import { clusterEcho, clusterReply, clusterRequestId, isBinaryProxyAnswer, type ClusterReply } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import {
  asAppError,
  CLOCK,
  ENV,
  Lifecycle,
  LOG,
  type Caller,
  type Clock,
  type FrameProblem,
  type Log,
  type SocketLimits,
  type SocketPolicy,
  type UpgradeDecision,
  type UpgradeRequest,
} from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import type { ClusterAgentEnv } from '../env';
import { ClusterMetrics } from '../metrics';
import type { AgentSocket, AgentSocketContext } from '../bindings/agent-socket';
import { Bindings } from '../bindings/bindings';
import { ConnectLimits } from './connect-limits';
import { tokenFromQuery } from './query-token';

const SCOPE = 'cluster:register';
const MAX_UNSENT_BYTES = 1024 * 1024;
const BAD_MESSAGES_PER_10S = 100;
const DRAIN_SPREAD_MS = 5000;
const WARN_EVERY_MS = 60_000;

/** Who may open an agent's socket, its limits, and the words for bad messages. */
@Injectable()
export class ClusterSocketPolicy implements SocketPolicy<AgentSocketContext> {
  readonly acceptsBinaryJson = true;
  readonly maxDepth = 64;
  private readonly limiter: ConnectLimits;
  /** Accepted, and not released yet. */
  private open = 0;

  constructor(
    @Inject(ENV) private readonly env: ClusterAgentEnv,
    private readonly lifecycle: Lifecycle,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
    private readonly bindings: Bindings,
    private readonly metrics: ClusterMetrics,
  ) {
    this.limiter = new ConnectLimits(() => clock.monotonicMs());
  }

  limits(): SocketLimits {
    return {
      maxPayloadBytes: this.env.CLUSTER_MAX_MESSAGE_BYTES,
      pingIntervalMs: this.env.PING_INTERVAL_MS,
      staleAfterMs: this.env.HEARTBEAT_STALE_MS,
      maxBufferedBytes: MAX_UNSENT_BYTES,
      badFramesPer10s: BAD_MESSAGES_PER_10S,
      drainSpreadMs: DRAIN_SPREAD_MS,
    };
  }

  /** In the order of contract section 2: origin, availability, key, scope, rate, connections. */
  async authorise(request: UpgradeRequest): Promise<UpgradeDecision<AgentSocketContext>> {
    try {
      const context = await this.admit(request);
      this.metrics.upgrades.inc({ result: 'accepted' });
      return { kind: 'accept', context };
    } catch (error) {
      const known = asAppError(error);
      this.metrics.upgrades.inc({ result: known?.code ?? 'failed' });
      throw known?.status === 503 ? this.unavailable(known) : error;
    }
  }

  private async admit(request: UpgradeRequest): Promise<AgentSocketContext> {
    const { origin } = request.headers;
    if (origin !== undefined && !this.env.CLUSTER_ALLOWED_ORIGINS.includes(origin)) {
      throw new AppError('forbidden', { message: 'this origin may not open the socket; see CLUSTER_ALLOWED_ORIGINS' });
    }
    if (this.lifecycle.draining) throw new AppError('draining');
    if (this.open >= this.env.CLUSTER_MAX_SOCKETS) throw new AppError('overloaded', { message: 'this replica has as many sockets as it takes' });
    const caller = await request.authenticate({ queryToken: tokenFromQuery(request.rawQuery) });
    if (!caller.scopes.has(SCOPE)) throw new AppError('forbidden', { message: `the key needs the scope ${SCOPE}` });
    const hint = hintOf(request.query);
    const slotOf = this.takeSlot(caller, hint);
    this.open++;
    return {
      caller,
      live: undefined,
      remoteAddress: request.remoteAddress,
      hint,
      openedAt: this.clock.monotonicMs(),
      binding: undefined,
      ready: undefined,
      closingWith: undefined,
      protocolError: undefined,
      ended: undefined,
      slotTaken: false,
      slotOf,
      unknownTypes: undefined,
      warnedAt: undefined,
    };
  }

  /** @returns the half-open predecessor whose slot was given, if it was needed */
  private takeSlot(caller: Caller, hint: AgentSocketContext['hint']): AgentSocketContext | undefined {
    let slotOf: AgentSocketContext | undefined;
    const limits = {
      maxConnections: caller.keyLimits.maxConnections ?? this.env.CLUSTER_MAX_CONNECTIONS,
      connectsPerMinute: caller.keyLimits.connectsPerMinute ?? this.env.CLUSTER_RATE_LIMIT,
    };
    const admission = this.limiter.admit(caller.id, limits, () => {
      slotOf = this.takesOver(caller, hint);
      return slotOf !== undefined;
    });
    if (admission.kind === 'refused') throw new AppError(admission.code, { retryAfterSeconds: admission.retryAfterSeconds });
    return slotOf;
  }

  /** A half-open predecessor must not lock its own agent out: the newcomer gets its slot, once. */
  private takesOver(caller: Caller, hint: AgentSocketContext['hint']): AgentSocketContext | undefined {
    const older = hint && this.bindings.get(hint.clusterId);
    if (!older || older.agentId !== hint.agentId || older.orgId !== caller.orgId || older.socket.context.caller.id !== caller.id) return undefined;
    const { context } = older.socket;
    if (context.slotTaken) return undefined;
    context.slotTaken = true; // it is closed as soon as the newcomer is bound
    return context;
  }

  /** Agents that were refused at the same moment must not come back at the same moment. */
  private unavailable(error: AppError): AppError {
    return new AppError(error.code, { message: error.message, retryAfterSeconds: 1 + Math.floor(this.clock.random() * 10), cause: error });
  }

  release(context: AgentSocketContext): void {
    this.open--;
    if (context.slotOf) context.slotOf.slotTaken = false; // for the next newcomer, should this one never have been bound
    this.limiter.release(context.caller.id);
  }

  problemReply(problem: FrameProblem, socket: AgentSocket): ClusterReply | undefined {
    if (problem.kind === 'binary') {
      if (isBinaryProxyAnswer(problem.data)) return undefined; // an answer to a request that is over
      return this.refusal('binary messages must hold JSON or a proxy answer', undefined, 'other', socket);
    }
    const requestId = problem.frame === undefined ? undefined : clusterRequestId(problem.frame).requestId;
    if (problem.kind === 'malformed') return this.refusal(MALFORMED[problem.reason], requestId, 'other', socket);
    if (problem.kind === 'unknown') {
      return this.refusal(`unknown message type "${clusterEcho(problem.name)}": ${KNOWN_TYPES}`, requestId, 'other', socket);
    }
    const type = typeof problem.frame['type'] === 'string' ? problem.frame['type'] : 'other';
    return this.refusal(textOfFailure(problem.error), requestId, type, socket);
  }

  private refusal(text: string, requestId: string | undefined, type: string, socket: AgentSocket): ClusterReply {
    this.metrics.messages.inc({ type, result: 'error' });
    this.warn(socket, text);
    return clusterReply('error', requestId, { error: text }, this.clock.now());
  }

  /** At most one line per socket and minute: agents repeat their mistakes. */
  private warn(socket: AgentSocket, text: string): void {
    const { context } = socket;
    const now = this.clock.monotonicMs();
    if (context.warnedAt !== undefined && now - context.warnedAt < WARN_EVERY_MS) return;
    context.warnedAt = now;
    const fields = { socket: socket.id, cluster: context.binding?.clusterId, remote_address: context.remoteAddress };
    this.log.warn({ ...fields, problem: text.slice(0, 200) }, "An agent's message was refused");
  }
}

/** Those that an agent begins with; answers and older agents' other types are taken without a word. */
const KNOWN_TYPES = 'send register, heartbeat, status or ping';

const MALFORMED = {
  empty: 'the message is empty; send one JSON object',
  not_json: 'the message is not valid JSON',
  not_object: 'the message must be one JSON object',
  too_deep: 'the message is nested deeper than 64 levels',
  no_name: 'type must be a non-empty string',
  not_utf8: 'the message is not valid UTF-8',
} as const;

function textOfFailure(error: unknown): string {
  const known = asAppError(error);
  if (!known) return 'internal error';
  return known.status === 503 ? 'temporarily unavailable, try again' : known.message;
}

/** Our own agent names its cluster in the URL; half a hint is none. */
function hintOf(query: URLSearchParams): AgentSocketContext['hint'] {
  const clusterId = query.get('cluster_id');
  const agentId = query.get('agent_id');
  return clusterId && agentId ? { clusterId, agentId } : undefined;
}

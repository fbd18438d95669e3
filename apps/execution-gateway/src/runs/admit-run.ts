import { createHash, randomBytes } from 'node:crypto';
import { GATEWAY_NOTICES, type JsonObject, type JsonValue, type RunEventBody, type RunLimits, type RunRequest, type RunStateNotice } from '@agentfleet/contracts';
import { newProgress } from '@agentfleet/engine';
import { AppError } from '@agentfleet/errors';
import { Bus, CLOCK, ENV, isDuplicateKey, Lifecycle, Transactions, type Clock, type Transaction } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import type { ExecutionGatewayEnv } from '../env';
import { EventBroadcast } from '../events/event-broadcast';
import { eventDocument } from '../events/event-frame';
import { GatewayMetrics } from '../metrics';
import { ModelCatalog } from '../models/model-catalog';
import { SessionRepository } from '../sessions/session.repository';
import type { SessionDocument } from '../sessions/session.schema';
import { storedPolicy } from '../sessions/session-views';
import { offeredTools } from '../engines/local-engine';
import { RunExecutor } from './run-executor';
import { RunStore } from './run-store.repository';
import type { RunDocument } from './run.schema';
import { messageDocument } from './stored-messages';

/** A run that was admitted now, or one that the same idempotency key admitted before. */
export interface Admission {
  readonly run: RunDocument;
  readonly isReplay: boolean;
}

interface WantedRun {
  readonly request: RunRequest;
  readonly hash: string;
  /** No slot is free: viewers are told that it waits. */
  readonly waits: boolean;
}

const DEFAULT_LIMITS = { max_iterations: 25, max_seconds: 1800 };

/** Admits runs: run, active-run mark, first event and user message in one transaction, then the claim. */
@Injectable()
export class AdmitRun {
  constructor(
    private readonly sessions: SessionRepository,
    private readonly store: RunStore,
    private readonly executor: RunExecutor,
    private readonly broadcast: EventBroadcast,
    private readonly models: ModelCatalog,
    private readonly transactions: Transactions,
    private readonly metrics: GatewayMetrics,
    private readonly bus: Bus,
    @Inject(ENV) private readonly env: ExecutionGatewayEnv,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly lifecycle: Lifecycle,
  ) {}

  /** @throws AppError session_not_found, busy (with `active_run_id`), idempotency_mismatch, price_unknown, draining */
  async run(sessionKey: string, request: RunRequest): Promise<Admission> {
    if (this.lifecycle.draining) throw new AppError('draining');
    if (this.lifecycle.state === 'booting') throw new AppError('storage_unavailable');
    if (request.limits.max_cost_usd !== undefined) throw priceUnknown();
    const hasSlot = this.executor.reserve();
    const admission = await this.admitWith(hasSlot, sessionKey, request);
    if (admission.isReplay) return admission;
    const { run } = admission;
    const isStarted = hasSlot && (await this.executor.startReserved(run._id).catch(() => false)); // else the sweep finds it
    if (!isStarted) {
      const notice: RunStateNotice = { orgId: run.org_id, sessionId: run.session_id, runId: run._id, state: run.state };
      this.bus.notify(GATEWAY_NOTICES.runState, notice);
    }
    return admission;
  }

  /** A slot that was kept for nothing is given back. */
  private async admitWith(hasSlot: boolean, sessionKey: string, request: RunRequest): Promise<Admission> {
    let admission: Admission | null = null;
    try {
      admission = await this.admit(sessionKey, request, !hasSlot);
      return admission;
    } finally {
      if (hasSlot && admission?.isReplay !== false) this.executor.giveBack();
    }
  }

  private async admit(sessionKey: string, request: RunRequest, waits: boolean): Promise<Admission> {
    try {
      return await this.transactions.run((transaction) => this.attempt(sessionKey, request, waits, transaction));
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      // Another run won between our look and our write; the second look sees it.
      return this.transactions.run((transaction) => this.attempt(sessionKey, request, waits, transaction));
    }
  }

  private async attempt(sessionKey: string, request: RunRequest, waits: boolean, transaction: Transaction): Promise<Admission> {
    const session = await this.sessions.findLiving(sessionKey, transaction);
    if (!session) throw new AppError('session_not_found');
    const hash = requestHash(request);
    const earlier = request.idempotencyKey === undefined ? null : await this.store.findByKey(session._id, request.idempotencyKey, transaction);
    if (earlier) {
      if (earlier.request_hash !== hash) throw new AppError('idempotency_mismatch');
      return { run: earlier, isReplay: true };
    }
    if (session.limits.max_cost_usd !== undefined) throw priceUnknown();
    const last = session.last_run_id === null ? null : await this.store.findIn(session.last_run_id, transaction);
    if (last?.active) {
      this.metrics.busyRefusals.inc();
      throw new AppError('busy', { extra: { active_run_id: last._id }, retryAfterSeconds: 1 });
    }
    const { run, bodies } = this.newRun(session, last, { request, hash, waits });
    const events = bodies.map((body, at) => eventDocument(body, { sessionKey: session._id, runId: run._id, seq: run.first_seq + at, atMs: run.last_event_at.getTime() }));
    const input = { role: 'user' as const, runId: run._id, content: request.userInput, context: request.context };
    const message = messageDocument(input, { sessionKey: session._id, index: run.next_message_index - 1, at: run.last_event_at });
    await this.store.insert({ run, events, message }, transaction);
    if (!(await this.sessions.setLastRun(session._id, run._id, transaction))) throw new AppError('session_not_found');
    transaction.afterCommit(() => this.broadcast.committed(run, events.map(({ seq, frame, type }) => ({ seq, frame, type }))));
    return { run, isReplay: false };
  }

  private newRun(session: SessionDocument, last: RunDocument | null, wanted: WantedRun): { run: RunDocument; bodies: RunEventBody[] } {
    const { request } = wanted;
    const id = `run_${randomBytes(12).toString('hex')}`;
    const atMs = Math.max(this.clock.now(), last?.last_event_at.getTime() ?? 0);
    const at = new Date(atMs);
    const firstSeq = (last?.last_seq ?? 0) + 1;
    const limits = this.limitsOf(session.limits, request);
    const turnId = request.idempotencyKey ?? id;
    const bodies: RunEventBody[] = [this.sessionInfo(session, { id, turnId, limits })];
    if (wanted.waits) bodies.push({ type: 'status', data: { status: 'queued', message: 'The run waits for a free slot.' } });
    const lastSeq = firstSeq + bodies.length - 1;
    const run: RunDocument = {
      ...BEGINNING,
      _id: id,
      org_id: session.org_id,
      session_key: session._id,
      session_id: session.session_id,
      volume_id: session.volume_id,
      model: session.model ?? this.models.defaultName,
      turn_id: turnId,
      created_at: at,
      first_seq: firstSeq,
      last_seq: lastSeq,
      step_seq: lastSeq,
      last_event_at: at,
      next_message_index: (last?.next_message_index ?? 0) + 1,
      progress: newProgress(atMs),
      ...(request.idempotencyKey === undefined ? {} : { idempotency_key: request.idempotencyKey }),
      request_hash: wanted.hash,
      limits,
      metadata_json: JSON.stringify(request.metadata),
    };
    return { run, bodies };
  }

  private sessionInfo(session: SessionDocument, run: { id: string; turnId: string; limits: RunLimits }): RunEventBody {
    const tools = offeredTools(storedPolicy(session)).map((tool) => tool.declaration.name);
    const data = {
      session_id: session.session_id,
      user_id: session.user_id,
      workspace_dir: session.workspace_dir,
      run_id: run.id,
      turn_id: run.turnId,
      engine: 'local',
      model: session.model ?? this.models.defaultName,
      agent_id: null,
      agent_revision: null,
      max_iterations: run.limits.max_iterations ?? DEFAULT_LIMITS.max_iterations,
      tools,
      notices: NOT_YET.map((tool) => ({ tool, message: `${tool} is not offered: this version has ListDir and ReadFile only.` })),
      config_stale: false,
    };
    return { type: 'session_info', data };
  }

  /** The stricter of session and request; the ceiling of the server counts in any case. */
  private limitsOf(session: RunLimits, request: RunRequest): RunLimits {
    const own = request.maxIterations;
    const iterations = [session.max_iterations ?? DEFAULT_LIMITS.max_iterations, request.limits.max_iterations, own, this.env.GATEWAY_MAX_ITERATIONS_CEILING];
    const seconds = [session.max_seconds ?? DEFAULT_LIMITS.max_seconds, request.limits.max_seconds];
    const tokens = [session.max_tokens, request.limits.max_tokens].filter((limit) => limit !== undefined);
    return {
      max_iterations: least(iterations),
      max_seconds: least(seconds),
      ...(tokens.length === 0 ? {} : { max_tokens: Math.min(...tokens) }),
    };
  }
}

/** What every run begins with. */
const BEGINNING = {
  active: true,
  state: 'queued',
  reason: null,
  engine: 'local',
  attempt: 1,
  takeovers_at_step: 0,
  epoch: 0,
  executor: null,
  lease_until: new Date(0),
  started_at: null,
  ended_at: null,
  active_ms: 0,
  output: null,
  error: null,
  cancel: null,
} as const satisfies Partial<RunDocument>;

const NOT_YET = ['WriteFile', 'EditFile', 'Glob', 'Grep', 'Bash'];

function least(limits: readonly (number | undefined)[]): number {
  return Math.min(...limits.filter((limit) => limit !== undefined));
}

function priceUnknown(): AppError {
  return new AppError('price_unknown');
}

/** The same for the same request, whatever the order of its fields. */
function requestHash(request: RunRequest): string {
  const { userInput, context, maxIterations, limits, metadata } = request;
  const canonical = JSON.stringify(sorted({ userInput, context, maxIterations, limits: { ...limits }, metadata }));
  return createHash('sha256').update(canonical).digest('hex');
}

function sorted(value: JsonValue | undefined): JsonValue | undefined {
  if (Array.isArray(value)) return value.map((entry: JsonValue) => sorted(entry) ?? null);
  if (typeof value !== 'object' || value === null) return value;
  const entries: [string, JsonValue | undefined][] = Object.entries(value);
  const ordered: JsonObject = Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, entry]) => [key, sorted(entry)]));
  return ordered;
}

import { defined, type RunRequest } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Bus, CLOCK, ENV, fingerprintOf, isDuplicateKey, Lifecycle, requireSameRequest, Transactions, type Clock, type Transaction } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { Engines } from '../engines/engines';
import type { ExecutionGatewayEnv } from '../env';
import { EventBroadcast } from '../events/event-broadcast';
import { GatewayMetrics } from '../metrics';
import { ModelCatalog } from '../models/model-catalog';
import { strictestLimits } from '../sessions/run-limits';
import { SessionRepository } from '../sessions/session.repository';
import type { SessionDocument } from '../sessions/session.schema';
import { engineOf } from '../sessions/session-views';
import { newRun } from './new-run';
import { RunExecutor } from './run-executor';
import { RunRepository, type NewRun } from './run.repository';
import type { RunDocument } from './run.schema';

/** A run that was admitted now, or one that the same idempotency key admitted before. */
export interface Admission {
  readonly run: RunDocument;
  readonly isReplay: boolean;
}

/** Admits runs: run, active-run mark, first event and user message in one transaction, then the claim. */
@Injectable()
export class AdmitRun {
  constructor(
    private readonly sessions: SessionRepository,
    private readonly runs: RunRepository,
    private readonly executor: RunExecutor,
    private readonly engines: Engines,
    private readonly models: ModelCatalog,
    private readonly broadcast: EventBroadcast,
    private readonly transactions: Transactions,
    private readonly metrics: GatewayMetrics,
    private readonly bus: Bus,
    private readonly lifecycle: Lifecycle,
    @Inject(ENV) private readonly env: ExecutionGatewayEnv,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws AppError session_not_found, busy (with `active_run_id`), idempotency_mismatch, price_unknown, draining */
  async run(sessionKey: string, request: RunRequest): Promise<Admission> {
    if (this.lifecycle.draining) throw new AppError('draining');
    if (this.lifecycle.state === 'booting') throw new AppError('storage_unavailable');
    if (request.limits.max_cost_usd !== undefined) throw new AppError('price_unknown');
    const hasSlot = this.executor.reserve();
    const admission = await this.admitWith(hasSlot, sessionKey, request);
    if (admission.isReplay) return admission;
    const { run } = admission;
    const isStarted = hasSlot && (await this.executor.startReserved(run).catch(() => false)); // else the sweep finds it
    if (!isStarted) this.bus.notify('run.state', { orgId: run.org_id, sessionId: run.session_id, runId: run._id, state: run.state });
    return admission;
  }

  /** A slot that was kept for nothing is given back. */
  private async admitWith(hasSlot: boolean, sessionKey: string, request: RunRequest): Promise<Admission> {
    let admission: Admission | undefined;
    try {
      admission = await this.admit(sessionKey, request, !hasSlot);
      return admission;
    } finally {
      if (hasSlot && admission?.isReplay !== false) this.executor.giveBack();
    }
  }

  private async admit(sessionKey: string, request: RunRequest, waits: boolean): Promise<Admission> {
    const attempt = () => this.transactions.run((transaction) => this.attempt(sessionKey, request, waits, transaction));
    try {
      return await attempt();
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      return attempt(); // another run was admitted between our look and our write; the second look sees it
    }
  }

  private async attempt(sessionKey: string, request: RunRequest, waits: boolean, transaction: Transaction): Promise<Admission> {
    const session = await this.sessions.findLiving(sessionKey, transaction);
    if (!session) throw new AppError('session_not_found');
    const fingerprint = requestFingerprint(request);
    const earlier = request.idempotencyKey === undefined ? undefined : await this.runs.findByKey(session._id, request.idempotencyKey, transaction);
    if (earlier) {
      requireSameRequest(earlier.request_hash, fingerprint);
      return { run: earlier, isReplay: true };
    }
    if (session.limits.max_cost_usd !== undefined) throw new AppError('price_unknown');
    const last = session.last_run_id === null ? undefined : await this.runs.findIn(session.last_run_id, transaction);
    if (last?.active) {
      this.metrics.busyRefusals.inc();
      throw new AppError('busy', { extra: { active_run_id: last._id }, retryAfterSeconds: 1 });
    }
    const admitted = this.newRun(session, last, { request, fingerprint, waits });
    await this.runs.insert(admitted, transaction);
    if (!(await this.sessions.setLastRun(session._id, admitted.run._id, transaction))) throw new AppError('session_not_found');
    transaction.afterCommit(() => this.broadcast.committed(admitted.run, admitted.events.map(({ seq, frame, type }) => ({ seq, frame, type }))));
    return { run: admitted.run, isReplay: false };
  }

  private newRun(session: SessionDocument, last: RunDocument | undefined, more: { request: RunRequest; fingerprint: string; waits: boolean }): NewRun {
    const engine = this.engines.find(engineOf(session));
    if (!engine) throw new AppError('storage_unavailable', { cause: new Error(`No engine ${engineOf(session)} on this replica`) }); // a newer replica has it
    const { limits: asked, maxIterations: own } = more.request;
    const limits = strictestLimits(session.limits, { ...asked, own }, this.env.GATEWAY_MAX_ITERATIONS_CEILING);
    return newRun({ ...more, session, last, engine, model: session.model ?? this.models.defaultName, limits, nowMs: this.clock.now() });
  }
}

/** The same for the same request, whatever the order of its fields. */
function requestFingerprint({ userInput, context, maxIterations, limits, metadata }: RunRequest): string {
  return fingerprintOf({ userInput, context, maxIterations: maxIterations ?? null, limits: defined({ ...limits }), metadata });
}

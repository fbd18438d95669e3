import { defined, type RunRequest } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Bus, CLOCK, ENV, fingerprintOf, Lifecycle, REPLICA, requireSameRequest, type Clock, type Replica } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { Engines } from '../engines/engines';
import type { ExecutionGatewayEnv } from '../env';
import { GatewayMetrics } from '../metrics';
import { ModelCatalog } from '../models/model-catalog';
import { strictestLimits } from '../sessions/run-limits';
import type { SessionDocument } from '../sessions/session.schema';
import { engineOf } from '../sessions/session-views';
import { Admissions, type Found } from './admissions';
import { newRun } from './new-run';
import { RunExecutor } from './run-executor';
import type { NewRun } from './run.repository';
import type { RunDocument } from './run.schema';

/** A run that was admitted now, or one that the same idempotency key admitted before. */
export interface Admission {
  readonly run: RunDocument;
  readonly isReplay: boolean;
}

/** Admits runs: run, active-run mark, first event and user message in one transaction, which is the claim too when a slot is free. */
@Injectable()
export class AdmitRun {
  constructor(
    private readonly admissions: Admissions,
    private readonly executor: RunExecutor,
    private readonly engines: Engines,
    private readonly models: ModelCatalog,
    private readonly metrics: GatewayMetrics,
    private readonly bus: Bus,
    private readonly lifecycle: Lifecycle,
    @Inject(REPLICA) private readonly replica: Replica,
    @Inject(ENV) private readonly env: ExecutionGatewayEnv,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws AppError session_not_found, busy (with `active_run_id`), idempotency_mismatch, price_unknown, draining */
  async run(sessionKey: string, request: RunRequest): Promise<Admission> {
    if (this.lifecycle.draining) throw new AppError('draining');
    if (this.lifecycle.state === 'booting') throw new AppError('storage_unavailable');
    if (request.limits.max_cost_usd !== undefined) throw new AppError('price_unknown');
    const fingerprint = requestFingerprint(request);
    const hasSlot = this.executor.reserve();
    try {
      const { idempotencyKey } = request;
      const admitted = await this.admissions.add({ sessionKey, idempotencyKey, decide: (found) => this.decide(found, { request, fingerprint, hasSlot }) });
      if ('earlier' in admitted) return { run: admitted.earlier, isReplay: true };
      const { run, executor } = admitted.admitted;
      if (executor === undefined) this.bus.notify('run.state', { orgId: run.org_id, sessionId: run.session_id, runId: run._id, state: run.state });
      else this.executor.startAdmitted(run, admitted.session, admitted.askedAtMs);
      return { run, isReplay: false };
    } finally {
      if (hasSlot) this.executor.giveBack();
    }
  }

  private decide({ session, last, earlier }: Found, asked: { request: RunRequest; fingerprint: string; hasSlot: boolean }): { earlier: RunDocument } | { admitted: NewRun } {
    if (earlier) {
      requireSameRequest(earlier.request_hash, asked.fingerprint);
      return { earlier };
    }
    if (session.limits.max_cost_usd !== undefined) throw new AppError('price_unknown');
    if (last?.active) {
      this.metrics.busyRefusals.inc();
      throw new AppError('busy', { extra: { active_run_id: last._id }, retryAfterSeconds: 1 });
    }
    return { admitted: this.newRun(session, last, asked) };
  }

  private newRun(session: SessionDocument, last: RunDocument | undefined, asked: { request: RunRequest; fingerprint: string; hasSlot: boolean }): NewRun {
    const engine = this.engines.find(engineOf(session));
    if (!engine) throw new AppError('storage_unavailable', { cause: new Error(`No engine ${engineOf(session)} on this replica`) }); // a newer replica has it
    const { request, fingerprint } = asked;
    const { limits: wanted, maxIterations: own } = request;
    const limits = strictestLimits(session.limits, { ...wanted, own }, this.env.GATEWAY_MAX_ITERATIONS_CEILING);
    const canExecute = asked.hasSlot && this.executor.canExecute(session.volume_id);
    const executor = canExecute ? this.replica.id : undefined;
    return newRun({ request, fingerprint, executor, waits: !asked.hasSlot, session, last, engine, model: session.model ?? this.models.defaultName, limits, nowMs: this.clock.now() });
  }
}

/** The same for the same request, whatever the order of its fields. */
function requestFingerprint({ userInput, context, maxIterations, limits, metadata }: RunRequest): string {
  return fingerprintOf({ userInput, context, maxIterations: maxIterations ?? null, limits: defined({ ...limits }), metadata });
}

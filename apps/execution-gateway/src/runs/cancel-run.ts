import type { GatewaySessionStatusName } from '@agentfleet/contracts';
import { Bus, Changes, CLOCK, LOG, type Caller, type Clock, type Log, type Transaction } from '@agentfleet/platform';
import { transitionRun } from '@agentfleet/sessions';
import { Inject, Injectable } from '@nestjs/common';
import { LastRuns } from '../sessions/last-run.repository';
import { SessionStates } from '../sessions/session-states';
import { auditTarget, statusName } from '../sessions/session-views';
import { RunExecutor } from './run-executor';
import { stateOf } from './run-state';
import { RunRepository } from './run.repository';
import type { CancelRequest, RunDocument } from './run.schema';

const SIGNAL_TIMEOUT_MS = 1500;
export const SIGNAL_PATTERN = 'gateway.run.signal';

export interface CancelOutcome {
  /** Undefined when there was no run to cancel. */
  readonly runId: string | undefined;
  readonly status: GatewaySessionStatusName;
  /** False when there was nothing to cancel. */
  readonly acted: boolean;
}

/** Ends the active run of a session: the request is stored first, then whoever executes the run is notified. */
@Injectable()
export class CancelRun {
  constructor(
    private readonly states: SessionStates,
    private readonly lastRuns: LastRuns,
    private readonly runs: RunRepository,
    private readonly executor: RunExecutor,
    private readonly changes: Changes,
    private readonly bus: Bus,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
  ) {}

  /** @throws AppError session_not_found */
  async run(caller: Caller, sessionKey: string, reason: string | undefined): Promise<CancelOutcome> {
    const { session, run } = await this.states.getLiving(sessionKey);
    if (!run?.active) return { runId: undefined, status: statusName(run), acted: false };
    const cancelled = await this.changes.run(caller, 'session.cancel', async (transaction) => {
      const requested = await this.request(run._id, { caller, reason: reason ?? 'cancelled', endsAs: 'cancelled' }, transaction);
      if (requested) transaction.afterCommit(() => this.notify(requested));
      return { value: requested, audit: requested ? { orgId: caller.orgId, target: auditTarget(session) } : [] };
    });
    return { runId: run._id, status: statusName(await this.lastRuns.find(run._id)), acted: cancelled !== undefined };
  }

  /** Stores that a run is to end; the first such request counts. @returns the run with its requests; undefined when it has ended already */
  async request(runId: string, cancel: { caller: Caller; reason: string; endsAs: CancelRequest['ends_as'] }, transaction: Transaction): Promise<RunDocument | undefined> {
    const run = await this.runs.findIn(runId, transaction);
    if (!run || transitionRun(stateOf(run), { kind: 'cancel' }).kind !== 'moved') return undefined;
    const requests = run.requests ?? [];
    if (requests.some(({ kind }) => kind === 'cancel')) return run;
    const request: CancelRequest = { kind: 'cancel', reason: cancel.reason, ends_as: cancel.endsAs, by: cancel.caller.name, at: new Date(this.clock.now()) };
    await this.runs.addRequest(run._id, request, transaction);
    return { ...run, requests: [...requests, request] };
  }

  /** Notifies the executor; without Redis it finds the request at its next renewal (2 s). A queued run is ended right here. */
  async notify(run: RunDocument): Promise<void> {
    const requests = run.requests ?? [];
    if (await this.executor.passOn(run._id, requests)) return;
    if (run.state === 'queued') {
      await this.executor.tryStart(run._id).catch(() => undefined); // the sweep finds it
      await this.executor.passOn(run._id, requests);
      return;
    }
    if (run.executor === null) return;
    const signal = { runId: run._id, signal: 'cancel', epoch: run.epoch, idempotencyKey: `${run._id}:cancel` };
    await this.bus.request(SIGNAL_PATTERN, run.executor, signal, { timeoutMs: SIGNAL_TIMEOUT_MS }).catch((error: unknown) => {
      this.log.debug({ err: error, run_id: run._id }, 'The executor was not reached; it finds the request at its next renewal');
    });
  }
}

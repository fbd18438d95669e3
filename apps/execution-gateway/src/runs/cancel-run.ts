import type { GatewaySessionStatusName } from '@agentfleet/contracts';
import { Audit, Bus, LOG, Transactions, type Caller, type Log } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { SessionDirectory } from '../sessions/session-directory';
import { statusName } from '../sessions/session-views';
import { RunExecutor } from './run-executor';
import { RunReader } from './run-reader.repository';
import { RunStore } from './run-store.repository';
import type { CancelSignal, RunDocument } from './run.schema';

const ASK_TIMEOUT_MS = 1500;
export const SIGNAL_PATTERN = 'gateway.run.signal';

export interface CancelOutcome {
  readonly runId: string | null;
  readonly status: GatewaySessionStatusName;
  /** False when there was nothing to cancel. */
  readonly acted: boolean;
}

/** Ends the active run of a session: the wish is written first, then told to whoever executes it. */
@Injectable()
export class CancelRun {
  constructor(
    private readonly directory: SessionDirectory,
    private readonly runs: RunReader,
    private readonly store: RunStore,
    private readonly executor: RunExecutor,
    private readonly transactions: Transactions,
    private readonly audit: Audit,
    private readonly bus: Bus,
    @Inject(LOG) private readonly log: Log,
  ) {}

  /** @throws AppError session_not_found */
  async run(caller: Caller, sessionKey: string, reason: string | undefined): Promise<CancelOutcome> {
    const { session, run } = await this.directory.getLiving(sessionKey);
    if (!run?.active) return { runId: null, status: statusName(run), acted: false };
    const cancel: CancelSignal = { kind: 'cancelled', reason: reason ?? 'cancelled', by: caller.name };
    const wished = await this.transactions.run(async (transaction) => {
      const active = await this.store.requestCancel(run._id, cancel, transaction);
      const target = { type: 'session', id: session.session_id, name: session.session_id };
      if (active) await this.audit.record(transaction, { caller, orgId: caller.orgId, action: 'session.cancel', target });
      return active;
    });
    if (wished) await this.tell(wished, cancel);
    return { runId: run._id, status: statusName(await this.runs.find(run._id)), acted: wished !== null };
  }

  /** Tells the executor; without Redis it finds the wish at its next renewal (2 s). A queued run is ended right here. */
  async tell(run: RunDocument, cancel: CancelSignal): Promise<void> {
    if (await this.executor.cancel(run._id, cancel)) return;
    if (run.state === 'queued') {
      await this.executor.tryStart(run._id).catch(() => undefined); // the sweep finds it
      await this.executor.cancel(run._id, cancel);
      return;
    }
    if (run.executor === null) return;
    const signal = { runId: run._id, signal: 'cancel', epoch: run.epoch, idempotencyKey: `${run._id}:cancel` };
    await this.bus.request(SIGNAL_PATTERN, run.executor, signal, { timeoutMs: ASK_TIMEOUT_MS }).catch((error: unknown) => {
      this.log.debug({ err: error, run_id: run._id }, 'The executor was not reached; it finds the wish at its next renewal');
    });
  }
}

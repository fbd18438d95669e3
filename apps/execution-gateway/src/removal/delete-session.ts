import { GATEWAY_NOTICES, type SessionDeletedNotice } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Audit, Bus, Lifecycle, LOG, Transactions, type Caller, type Log } from '@agentfleet/platform';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { EventRepository } from '../events/event.repository';
import { SessionFeeds } from '../events/session-feeds';
import { CancelRun } from '../runs/cancel-run';
import { RunReader } from '../runs/run-reader.repository';
import { RunStore } from '../runs/run-store.repository';
import type { CancelSignal, RunDocument } from '../runs/run.schema';
import { SessionDirectory } from '../sessions/session-directory';
import { SessionRepository } from '../sessions/session.repository';
import type { SessionDocument } from '../sessions/session.schema';
import { Workspaces } from '../workspaces/workspaces';

/** Watchers have so long to read the last events before they are removed. */
const KEEP_MS = 10_000;
const SWEEP_MS = 2000;
const SESSIONS_PER_SWEEP = 20;
const EVENTS_PER_STEP = 5000;

/** `DELETE /sessions/{id}`: gone at once everywhere; its run is cancelled, its data removed in the background. */
@Injectable()
export class DeleteSession implements OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private isSweeping = false;

  constructor(
    private readonly directory: SessionDirectory,
    private readonly sessions: SessionRepository,
    private readonly store: RunStore,
    private readonly runs: RunReader,
    private readonly events: EventRepository,
    private readonly cancelRun: CancelRun,
    private readonly feeds: SessionFeeds,
    private readonly workspaces: Workspaces,
    private readonly transactions: Transactions,
    private readonly audit: Audit,
    private readonly bus: Bus,
    @Inject(LOG) private readonly log: Log,
    lifecycle: Lifecycle,
  ) {
    lifecycle.beforeReady('removal', () => {
      this.timer ??= setInterval(() => void this.sweep(), SWEEP_MS);
    });
    lifecycle.onDrain('removal', () => clearInterval(this.timer));
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** @throws AppError session_not_found */
  async run(caller: Caller, sessionId: string): Promise<void> {
    const { session } = await this.directory.get(caller.orgId, sessionId);
    const cancel: CancelSignal = { kind: 'session_deleted', reason: 'session_deleted', by: caller.name };
    const cancelled = await this.transactions.run((transaction) => this.mark(caller, session, cancel, transaction));
    await this.putWorkspaceAway(session);
    const notice: SessionDeletedNotice = { orgId: session.org_id, sessionId: session.session_id };
    this.bus.notify(GATEWAY_NOTICES.sessionDeleted, notice);
    void this.settle(cancelled, cancel);
  }

  private async mark(caller: Caller, session: SessionDocument, cancel: CancelSignal, transaction: Parameters<Parameters<Transactions['run']>[0]>[0]): Promise<RunDocument | null> {
    if (!(await this.sessions.markDeleted(session._id, new Date(), transaction))) throw new AppError('session_not_found');
    const target = { type: 'session', id: session.session_id, name: session.session_id };
    await this.audit.record(transaction, { caller, orgId: session.org_id, action: 'session.delete', target });
    const present = await this.sessions.lastRunOf(session._id, transaction);
    return present === null ? null : this.store.requestCancel(present, cancel, transaction);
  }

  /** The run ends, then the watchers are closed; the answer of the request does not wait for it. */
  private async settle(cancelled: RunDocument | null, cancel: CancelSignal): Promise<void> {
    try {
      if (cancelled) await this.cancelRun.tell(cancelled, cancel);
    } catch (error) {
      this.log.warn({ err: error }, 'The run of a deleted session could not be told; its executor finds the wish by itself');
    }
    await this.feeds.poll();
  }

  /** A new session of the same id must not find the files of the former one. */
  private async putWorkspaceAway(session: SessionDocument): Promise<void> {
    if (!session.owns_workspace) return;
    try {
      const use = await this.sessions.directoryUse(session.org_id, session.workspace_dir, session._id);
      if (!use.isUsed) await this.workspaces.discard(session.workspace_dir);
    } catch (error) {
      this.log.warn({ err: error, session_id: session.session_id }, 'The workspace of a deleted session could not be put away');
    }
  }

  /** Each deleted session is claimed by a lease of its own, so replicas share the work and finish what another left. */
  private async sweep(): Promise<void> {
    if (this.isSweeping) return;
    this.isSweeping = true;
    try {
      await this.workspaces.emptyTrash();
      for (let n = 0; n < SESSIONS_PER_SWEEP; n++) {
        const session = await this.sessions.claimDeleted(new Date(Date.now() - KEEP_MS));
        if (!session) break;
        await this.removeData(session);
      }
    } catch (error) {
      this.log.warn({ err: error }, 'Deleted sessions could not be removed; it is tried again');
    } finally {
      this.isSweeping = false;
    }
  }

  private async removeData(session: SessionDocument): Promise<void> {
    const run = session.last_run_id === null ? null : await this.runs.find(session.last_run_id);
    if (run?.active) return; // its executor ends it first; claimed again later
    while (await this.events.removeSome(session._id, EVENTS_PER_STEP)); // in steps, so that no single operation is long
    await this.store.remove(session._id);
    await this.sessions.remove(session._id);
  }
}

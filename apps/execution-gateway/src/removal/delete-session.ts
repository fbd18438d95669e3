import { AppError } from '@agentfleet/errors';
import { Changes, CLOCK, Lifecycle, LOG, REPLICA, type Caller, type Clock, type Log, type Replica } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { EventRepository } from '../events/event.repository';
import { SessionFeeds } from '../events/session-feeds';
import { CancelRun } from '../runs/cancel-run';
import { RunRepository } from '../runs/run.repository';
import type { RunDocument } from '../runs/run.schema';
import { TranscriptRepository } from '../runs/transcript.repository';
import { LastRuns } from '../sessions/last-run.repository';
import { SessionStates } from '../sessions/session-states';
import { SessionRepository } from '../sessions/session.repository';
import type { SessionDocument } from '../sessions/session.schema';
import { auditTarget } from '../sessions/session-views';
import { Workspaces } from '../workspaces/workspaces';

/** Watchers have so long to read the last events before they are removed. */
const KEEP_MS = 10_000;
const SWEEP_MS = 2000;
const SESSIONS_PER_SWEEP = 20;
const EVENTS_PER_STEP = 5000;

/** `DELETE /sessions/{id}`: gone at once everywhere; its run is cancelled, its data removed in the background. */
@Injectable()
export class DeleteSession {
  constructor(
    private readonly states: SessionStates,
    private readonly sessions: SessionRepository,
    private readonly runs: RunRepository,
    private readonly lastRuns: LastRuns,
    private readonly transcripts: TranscriptRepository,
    private readonly events: EventRepository,
    private readonly cancelRun: CancelRun,
    private readonly feeds: SessionFeeds,
    private readonly workspaces: Workspaces,
    private readonly changes: Changes,
    @Inject(REPLICA) private readonly replica: Replica,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
    lifecycle: Lifecycle,
  ) {
    lifecycle.every('deleted sessions', SWEEP_MS, () => this.removeSome());
  }

  /** @throws AppError session_not_found */
  async run(caller: Caller, sessionId: string): Promise<void> {
    const { session } = await this.states.get(caller.orgId, sessionId);
    await this.changes.run(caller, 'session.delete', async (transaction) => {
      const deleted = await this.sessions.markDeleted(session._id, new Date(this.clock.now()), transaction);
      if (!deleted) throw new AppError('session_not_found');
      const cancel = { caller, reason: 'session_deleted', endsAs: 'session_deleted' } as const;
      const present = await this.sessions.lastRunOf(session._id, transaction);
      const run = present === null ? undefined : await this.cancelRun.request(present, cancel, transaction);
      transaction.notify('session.deleted', { orgId: session.org_id, sessionId: session.session_id });
      transaction.afterCommit(() => void this.endWatching(run));
      return { value: undefined, audit: { orgId: session.org_id, target: auditTarget(session) } };
    });
    await this.putWorkspaceAway(session);
  }

  /** The run ends, then the watchers are closed; the answer of the request does not wait for it. */
  private async endWatching(cancelled: RunDocument | undefined): Promise<void> {
    try {
      if (cancelled) await this.cancelRun.notify(cancelled);
    } catch (error) {
      this.log.warn({ err: error }, 'The executor of a deleted session could not be notified; it finds the request by itself');
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
  private async removeSome(): Promise<void> {
    await this.workspaces.emptyTrash();
    for (const key of await this.sessions.removable(new Date(this.clock.now() - KEEP_MS), SESSIONS_PER_SWEEP)) {
      const session = await this.sessions.claimRemoval(key, this.replica.id);
      if (session) await this.removeData(session);
    }
  }

  private async removeData(session: SessionDocument): Promise<void> {
    const run = await this.lastRuns.find(session.last_run_id);
    if (run?.active) return; // its executor ends it first; claimed again later
    while (await this.events.removeSome(session._id, EVENTS_PER_STEP)); // in steps, so that no single operation is long
    await this.transcripts.remove(session._id);
    await this.runs.remove(session._id);
    await this.sessions.remove(session._id);
  }
}

import { CLOCK, Changes, ENV, Leases, SYSTEM_ACTOR, type Caller, type ChangedTarget, type Clock, type Transaction } from '@agentfleet/platform';
import { wireTime } from '@agentfleet/sessions';
import { Inject, Injectable } from '@nestjs/common';
import type { VpsBridgeEnv } from '../env';
import { MessageRepository } from './message.repository';
import { RemovedSessionRepository } from './removed-session.repository';
import { SessionDirectory } from './session-directory';
import { SessionRepository, type SessionName } from './session.repository';
import { sessionNotFound } from './session-not-found';

const HOUR_MS = 3_600_000;
const CLEANUP_BATCH = 200;
const SWEEP = { periodMs: 5000, leaseMs: 60_000 };
const CLEANUP = { periodMs: HOUR_MS, leaseMs: HOUR_MS };
const SWEEP_BATCH = 1000;
/** A call that knew the session may bring messages for as long as its deadline can be, and its commit may take a while longer. */
const LAST_MESSAGES_MS = 1.25 * HOUR_MS;

type RemovedBy = Parameters<Changes['run']>[0];

/** Deletes sessions; their ids may be used again at once. */
@Injectable()
export class RemoveSessions {
  constructor(
    @Inject(ENV) env: VpsBridgeEnv,
    leases: Leases,
    private readonly sessions: SessionRepository,
    private readonly messages: MessageRepository,
    private readonly removed: RemovedSessionRepository,
    private readonly directory: SessionDirectory,
    private readonly changes: Changes,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    leases.every('vps-removed-sessions', SWEEP, () => this.removeLeftovers());
    const hours = env.VPS_SESSION_MAX_AGE_HOURS;
    if (hours > 0) leases.every('vps-session-cleanup', CLEANUP, async () => void (await this.removeOld(SYSTEM_ACTOR, null, hours)));
  }

  /** @throws AppError `session_not_found` */
  async remove(caller: Caller, sessionId: string): Promise<void> {
    const { orgId } = caller;
    const key = await this.changes.run(caller, 'vps_session.delete', async (tx) => {
      const removed = await this.sessions.remove(tx, orgId, sessionId);
      if (removed === null) throw sessionNotFound(sessionId);
      return { value: removed, audit: await this.delete(tx, [{ key: removed, orgId, sessionId }]) };
    });
    await this.removeMessages([key]);
  }

  /**
   * Deletes sessions that were not used for `maxAgeHours`: the messages say it, their documents may lag.
   * @param orgId null: of all organizations.
   * @returns how many.
   */
  async removeOld(by: RemovedBy, orgId: string | null, maxAgeHours: number): Promise<number> {
    const before = new Date(this.clock.now() - maxAgeHours * HOUR_MS);
    for (let count = 0; ; ) {
      const old = await this.sessions.listOld(orgId, before, CLEANUP_BATCH);
      if (old.length === 0) return count;
      await this.sessions.applyActivity(await this.sessions.listLagging(old.map(({ key }) => key)));
      const gone = await this.changes.run(by, 'vps_session.cleanup', async (tx) => {
        const removed = await this.sessions.removeOld(tx, old.map(({ key }) => key), before);
        return { value: removed, audit: await this.delete(tx, removed) };
      });
      count += gone.length;
      await this.removeMessages(gone.map(({ key }) => key));
    }
  }

  /**
   * What follows the removal of sessions: nothing of them shows any more, and everybody is notified.
   * @returns what the audit log says of it.
   */
  async delete(tx: Transaction, gone: readonly SessionName[], graceMs = 0): Promise<readonly ChangedTarget[]> {
    const nowMs = this.clock.now();
    await this.removed.add(tx, gone.map(({ key }) => key), new Date(nowMs + graceMs), new Date(nowMs + LAST_MESSAGES_MS));
    for (const { orgId, sessionId } of gone) {
      tx.afterCommit(() => this.directory.forget(orgId, sessionId));
      tx.notify('vps.session.deleted', { orgId, sessionId, at: wireTime(nowMs) });
    }
    return gone.map(({ key, orgId, sessionId }) => ({ orgId, target: { type: 'vps_session', id: key, name: sessionId } }));
  }

  /** Nobody can see them any more: they hang on the internal key. */
  private async removeMessages(keys: readonly string[]): Promise<void> {
    await this.messages.removeAll(keys);
    await this.removed.done(keys);
  }

  private async removeLeftovers(): Promise<void> {
    await this.removeMessages(await this.removed.listDue(new Date(this.clock.now()), SWEEP_BATCH));
  }
}

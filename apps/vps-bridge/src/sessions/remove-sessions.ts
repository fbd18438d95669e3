import { VPS_NOTICES, type VpsSessionDeletedNotice } from '@agentfleet/contracts';
import { Audit, Bus, CLOCK, ENV, Leases, Transactions, SYSTEM_ACTOR, type Caller, type Clock, type Transaction } from '@agentfleet/platform';
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
const SWEEP_BATCH = 100;

type RemovedBy = Parameters<Audit['record']>[1]['caller'];

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
    private readonly transactions: Transactions,
    private readonly audit: Audit,
    private readonly bus: Bus,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    leases.every('vps-removed-sessions', SWEEP, () => this.removeLeftovers());
    const hours = env.VPS_SESSION_MAX_AGE_HOURS;
    if (hours > 0) leases.every('vps-session-cleanup', CLEANUP, async () => void (await this.removeOld(SYSTEM_ACTOR, null, hours)));
  }

  /** @throws AppError `session_not_found` */
  async remove(caller: Caller, sessionId: string): Promise<void> {
    const { orgId } = caller;
    const key = await this.transactions.run(async (tx) => {
      const removed = await this.sessions.remove(tx, orgId, sessionId);
      if (removed === null) throw sessionNotFound(sessionId);
      await this.bury(tx, caller, [{ key: removed, orgId, sessionId }], 'vps_session.delete');
      return removed;
    });
    await this.removeMessages([key]);
  }

  /**
   * Deletes sessions that were not used for `maxAgeHours`.
   * @param orgId null: of all organizations.
   * @returns how many.
   */
  async removeOld(by: RemovedBy, orgId: string | null, maxAgeHours: number): Promise<number> {
    const before = new Date(this.clock.now() - maxAgeHours * HOUR_MS);
    for (let count = 0; ; ) {
      const old = await this.sessions.listOld(orgId, before, CLEANUP_BATCH);
      if (old.length === 0) return count;
      const gone = await this.transactions.run(async (tx) => {
        const removed = await this.sessions.removeOld(tx, old.map(({ key }) => key), before);
        await this.bury(tx, by, removed, 'vps_session.cleanup');
        return removed;
      });
      count += gone.length;
      await this.removeMessages(gone.map(({ key }) => key));
    }
  }

  /** What follows the removal of sessions: nothing of them shows any more, and everybody hears of it. */
  async bury(tx: Transaction, by: RemovedBy, gone: readonly SessionName[], action: string, graceMs = 0): Promise<void> {
    await this.removed.add(tx, gone.map(({ key }) => key), new Date(this.clock.now() + graceMs));
    for (const { key, orgId, sessionId } of gone) {
      await this.audit.record(tx, { caller: by, orgId, action, target: { type: 'vps_session', id: key, name: sessionId } });
    }
    tx.afterCommit(() => {
      for (const { orgId, sessionId } of gone) this.tell(orgId, sessionId);
    });
  }

  private tell(orgId: string, sessionId: string): void {
    this.directory.forget(orgId, sessionId);
    const notice: VpsSessionDeletedNotice = { orgId, sessionId, at: wireTime(this.clock.now()) };
    this.bus.notify(VPS_NOTICES.sessionDeleted, notice);
  }

  /** Nobody can see them any more: they hang on the internal key. */
  private async removeMessages(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.messages.removeAll(key);
    await this.removed.done(keys);
  }

  private async removeLeftovers(): Promise<void> {
    await this.removeMessages(await this.removed.listDue(new Date(this.clock.now()), SWEEP_BATCH));
  }
}

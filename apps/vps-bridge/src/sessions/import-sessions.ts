import type { VpsImportedSession } from '@agentfleet/contracts';
import { CLOCK, Changes, isDuplicateKey, type Caller, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { MessageRepository } from './message.repository';
import { RemoveSessions } from './remove-sessions';
import { RemovedSessionRepository } from './removed-session.repository';
import { SessionRepository } from './session.repository';

/** Messages that go into one insert. */
const BATCH = 1000;
const BATCH_CHARACTERS = 4 * 1024 * 1024;
/** Whoever reads the replaced session just now may finish. */
const READERS_GRACE_MS = 60_000;
/** What an import wrote that died before it ended is removed then. */
const UNFINISHED_MS = 3_600_000;

/** Puts exported sessions in the place of those with the same ids. */
@Injectable()
export class ImportSessions {
  constructor(
    private readonly sessions: SessionRepository,
    private readonly messages: MessageRepository,
    private readonly removed: RemovedSessionRepository,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly removeSessions: RemoveSessions,
    private readonly changes: Changes,
  ) {}

  /** @returns how many. Each session is replaced at once for its readers. */
  async import(caller: Caller, sessions: readonly VpsImportedSession[]): Promise<number> {
    for (const session of sessions) await this.replace(caller, session);
    return sessions.length;
  }

  private async replace(caller: Caller, session: VpsImportedSession): Promise<void> {
    const key = this.messages.newId();
    await this.removed.announce(key, new Date(this.clock.now() + UNFINISHED_MS));
    await this.insertMessages(key, session); // nobody sees them before the session is there
    for (;;) {
      try {
        await this.swap(caller, key, session);
        return;
      } catch (error) {
        if (!isDuplicateKey(error)) throw error; // a call made the session at the same moment: now it is there to be replaced
      }
    }
  }

  private async swap(caller: Caller, key: string, session: VpsImportedSession): Promise<void> {
    const { orgId } = caller;
    const { sessionId } = session;
    await this.changes.run(caller, 'vps_session.import', async (tx) => {
      await this.removed.withdraw(tx, key);
      const old = await this.sessions.remove(tx, orgId, sessionId);
      await this.sessions.insert(tx, { key, orgId, ...session, lastSeq: session.messages.length });
      if (old !== null) return { value: undefined, audit: await this.removeSessions.delete(tx, [{ key: old, orgId, sessionId }], READERS_GRACE_MS) };
      return { value: undefined, audit: { orgId, target: { type: 'vps_session', id: key, name: sessionId } } };
    });
  }

  private async insertMessages(sessionKey: string, { messages }: VpsImportedSession): Promise<void> {
    let batch: Parameters<MessageRepository['insert']>[0][number][] = [];
    let characters = 0;
    for (const [index, message] of messages.entries()) {
      batch.push({ id: this.messages.newId(), sessionKey, seq: index + 1, content: { ...message, callId: null } });
      characters += message.content.length;
      if (batch.length < BATCH && characters < BATCH_CHARACTERS) continue;
      await this.messages.insert(batch);
      batch = [];
      characters = 0;
    }
    await this.messages.insert(batch);
  }
}

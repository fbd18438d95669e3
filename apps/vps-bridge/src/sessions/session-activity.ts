import { CLOCK, LatestWriter, Lifecycle, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import type { SessionMessages } from './message-placer';
import { MessageRepository } from './message.repository';
import { SessionDirectory, type KnownSession } from './session-directory';
import { SessionRepository, type SessionActivity } from './session.repository';

/** What some calls did in one session, on its way into the session's document. */
interface Activity extends SessionActivity {
  readonly known: KnownSession;
}

/** Lists show the documents; they may lag a second. */
const WRITE_MS = 300;
/** A document that is older than this is written with the messages: cleaning up goes by the hour, and must never meet one that lags so far. */
const MAX_LAG_MS = 30 * 60_000;

/**
 * Keeps the documents of sessions up with their messages: when they were last used and how many messages they have. The messages
 * themselves say it too, so nobody waits for the documents, and what a crash leaves unwritten is found again.
 */
@Injectable()
export class SessionActivities {
  private readonly later: LatestWriter<Activity>;

  constructor(
    private readonly sessions: SessionRepository,
    private readonly messages: MessageRepository,
    private readonly directory: SessionDirectory,
    @Inject(CLOCK) private readonly clock: Clock,
    lifecycle: Lifecycle,
  ) {
    this.later = new LatestWriter<Activity>(lifecycle, {
      name: 'activity of sessions',
      periodMs: WRITE_MS,
      maxWaiting: Infinity, // without storage no message is stored, so that nothing new comes
      write: async (activities) => this.removeLeftovers(activities, (await this.sessions.applyActivity(activities)).missing),
      merge: (older, newer) => ({ ...newer, lastActivityMs: Math.max(older.lastActivityMs, newer.lastActivityMs), lastSeq: Math.max(older.lastSeq, newer.lastSeq) }),
    });
  }

  /** Whether the session's document has to be written together with the messages: for their metadata, or because it lags too far. */
  isDueWith({ known, metadata }: SessionMessages): boolean {
    return metadata.length > 0 || this.clock.now() - known.lastActivityMs > MAX_LAG_MS;
  }

  /** Writes the documents of sessions whose messages have their numbers. @returns keys of those that are gone, and of those that were refused. */
  async write(groups: readonly SessionMessages[]): ReturnType<SessionRepository['applyActivity']> {
    const activities = groups.map((group) => ({ ...activityOf(group), lastSeq: 0 })); // their messages may still fail
    const result = await this.sessions.applyActivity(activities);
    for (const { known, lastActivityMs } of activities) known.lastActivityMs = Math.max(known.lastActivityMs, lastActivityMs);
    return result;
  }

  /** The messages are stored; the documents follow soon. */
  writeLater(groups: readonly SessionMessages[]): void {
    for (const group of groups) if (group.placed.length > 0) this.later.put(group.known.key, { ...activityOf(group), metadata: [] });
  }

  /** Of sessions that were removed while a call was under way: their messages are nobody's. */
  async removeLeftovers(written: readonly Pick<Activity, 'known'>[], missing: ReadonlySet<string>): Promise<void> {
    const gone = written.filter(({ known }) => missing.has(known.key));
    for (const { known } of gone) this.directory.forget(known.orgId, known.sessionId);
    await this.messages.removeAll(gone.map(({ known }) => known.key));
  }
}

function activityOf({ known, contents, metadata, placed }: SessionMessages): Activity {
  return {
    known,
    key: known.key,
    lastActivityMs: Math.max(0, ...contents.map(({ timestampMs }) => timestampMs)), // without messages it stays
    lastSeq: placed.at(-1)?.seq ?? 0,
    metadata,
  };
}

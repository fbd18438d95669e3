import type { RunEventNotice } from '@agentfleet/contracts';
import { CLOCK, LOG, Lifecycle, type Clock, type Log, type RecurringWork } from '@agentfleet/platform';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { GatewayMetrics } from '../metrics';
import { LastRuns } from '../sessions/last-run.repository';
import { SessionRepository } from '../sessions/session.repository';
import { EventRepository, type StoredFrame } from './event.repository';
import { Watcher, type WatcherTransport } from './watcher';

const POLL_MS = 1000;
const POLL_KEYS = 500;
export const CLOSE_SESSION_DELETED = 4004;

interface Feed {
  readonly key: string;
  readonly name: string;
  readonly watchers: Set<Watcher>;
}

export interface FollowedSession {
  readonly key: string;
  readonly orgId: string;
  readonly sessionId: string;
}

/**
 * Who follows which session on this replica. Committed batches come from memory, notices wake, and a poll finds what no
 * notice said: the log is the truth for all three.
 */
@Injectable()
export class SessionFeeds implements OnApplicationShutdown {
  private readonly feeds = new Map<string, Feed>();
  /** The same by organization and session id, which is what notices name; an id may be used again, so there can be two. */
  private readonly byId = new Map<string, Set<Feed>>();
  private readonly polling: RecurringWork;

  constructor(
    private readonly events: EventRepository,
    private readonly sessions: SessionRepository,
    private readonly runs: LastRuns,
    private readonly metrics: GatewayMetrics,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
    lifecycle: Lifecycle,
  ) {
    this.polling = lifecycle.every('followed sessions', POLL_MS, () => this.pollAll(), { during: 'always' });
  }

  /** A watcher that has no position yet: it gets nothing before `follow`. */
  watch(session: FollowedSession, transport: WatcherTransport): Watcher {
    const feed = this.feeds.get(session.key) ?? this.addFeed(session);
    const kind = { transport: transport.kind };
    const watcher: Watcher = new Watcher(transport, {
      read: (position, end, limit) => this.events.between(session.key, position, end, { limit }),
      failed: (error) => this.log.warn({ err: error, session_id: session.sessionId }, 'The log of a session could not be read; it is tried again'),
      clock: this.clock,
      closed: (code) => {
        feed.watchers.delete(watcher);
        if (feed.watchers.size === 0) this.removeFeed(feed);
        this.metrics.watchers.dec(kind);
        if (code !== undefined) this.metrics.watcherCloses.inc({ code: String(code) });
      },
    });
    feed.watchers.add(watcher);
    this.metrics.watchers.inc(kind);
    return watcher;
  }

  /** A batch of this session was committed by this process. */
  committed(sessionKey: string, frames: readonly StoredFrame[]): void {
    for (const watcher of this.feeds.get(sessionKey)?.watchers ?? []) watcher.offer(frames);
  }

  /** Some replica committed events up to `lastSeq`. How far the log really reaches, and whose, the run says: a notice only wakes. */
  async noticed({ orgId, sessionId, runId, lastSeq }: RunEventNotice): Promise<void> {
    const isNews = [...(this.byId.get(nameOf(orgId, sessionId)) ?? [])].some((feed) => [...feed.watchers].some((watcher) => !watcher.knows(lastSeq)));
    if (!isNews) return;
    for (const end of await this.runs.ends([runId])) {
      for (const watcher of this.feeds.get(end.session_key)?.watchers ?? []) watcher.caughtUpTo(end.last_seq);
    }
  }

  /** Looks at all followed sessions now; never rejects. */
  poll(): Promise<void> {
    return this.polling.run();
  }

  onApplicationShutdown(): void {
    for (const feed of this.feeds.values()) for (const watcher of feed.watchers) watcher.stop();
  }

  private addFeed(session: FollowedSession): Feed {
    const feed: Feed = { key: session.key, name: nameOf(session.orgId, session.sessionId), watchers: new Set() };
    this.feeds.set(feed.key, feed);
    const named = this.byId.get(feed.name) ?? new Set();
    this.byId.set(feed.name, named.add(feed));
    return feed;
  }

  private removeFeed(feed: Feed): void {
    if (this.feeds.get(feed.key) !== feed) return;
    this.feeds.delete(feed.key);
    const named = this.byId.get(feed.name);
    named?.delete(feed);
    if (named?.size === 0) this.byId.delete(feed.name);
  }

  private async pollAll(): Promise<void> {
    const keys = [...this.feeds.keys()];
    for (let at = 0; at < keys.length; at += POLL_KEYS) await this.pollSome(keys.slice(at, at + POLL_KEYS));
  }

  private async pollSome(keys: readonly string[]): Promise<void> {
    const sessions = new Map((await this.sessions.lastRuns(keys)).map((session) => [session._id, session]));
    const runIds = [...sessions.values()].flatMap((session) => session.last_run_id ?? []);
    const ends = new Map((await this.runs.ends(runIds)).map((run) => [run._id, run]));
    for (const key of keys) {
      const session = sessions.get(key);
      const end = ends.get(session?.last_run_id ?? '');
      const isGone = session === undefined || (session.is_deleted && !end?.active);
      for (const watcher of this.feeds.get(key)?.watchers ?? []) {
        watcher.caughtUpTo(end?.last_seq ?? 0);
        if (isGone) watcher.closeAt(end?.last_seq ?? 0, CLOSE_SESSION_DELETED, 'session deleted');
      }
    }
  }
}

function nameOf(orgId: string, sessionId: string): string {
  return `${orgId}/${sessionId}`;
}

import { shortened } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Bus, CLOCK, type Clock } from '@agentfleet/platform';
import { settleOwner } from '@agentfleet/sessions';
import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { SessionRepository } from './session.repository';

/** A session as calls use it. One object per session and replica, so that its next number is known without asking. */
export interface KnownSession {
  readonly key: string;
  readonly orgId: string;
  readonly sessionId: string;
  readonly userId: string;
  /** Number of the next message; null when it has to be read first. */
  nextSeq: number | null;
  readAtMs: number;
}

/** Who uses a session, and since when. */
export interface SessionUse {
  /** Null when the call names no user. */
  readonly userId: string | null;
  /** Owns a new session when the call names no user. */
  readonly callerId: string;
  readonly nowMs: number;
}

/** A deletion on another replica is seen this soon even when its notice was lost. */
const MAX_AGE_MS = 1000;
const MAX_SESSIONS = 50_000;

/** Owners of sessions, from memory while they are fresh; makes a session at its first use. */
@Injectable()
export class SessionDirectory {
  private readonly entries = new LRUCache<string, KnownSession>({ max: MAX_SESSIONS });
  private readonly resolving = new Map<string, Promise<KnownSession>>();

  constructor(
    private readonly repository: SessionRepository,
    private readonly bus: Bus,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * The session that a call belongs to, with its owner settled in MongoDB.
   * @throws AppError `session_owner_mismatch`
   */
  async settle(orgId: string, sessionId: string, { userId, callerId, nowMs }: SessionUse): Promise<KnownSession> {
    const newOwner = userId ?? callerId;
    const cached = this.fresh(orgId, sessionId);
    if (cached !== null && settleOwner(cached.userId, userId, callerId).kind === 'use') return cached;
    const session = await this.resolve(orgId, sessionId, newOwner, nowMs);
    if (settleOwner(session.userId, userId, callerId).kind === 'use') return session;
    throw new AppError('session_owner_mismatch', { message: `Session '${shortened(sessionId)}' belongs to another user` });
  }

  forget(orgId: string, sessionId: string): void {
    const key = cacheKey(orgId, sessionId);
    this.entries.delete(key);
    this.resolving.delete(key);
  }

  /** Without the bus nobody would tell of a deletion, and a call that begins after it must not write into what is gone: then every call asks. */
  private fresh(orgId: string, sessionId: string): KnownSession | null {
    if (!this.bus.isUp) return null;
    const entry = this.entries.get(cacheKey(orgId, sessionId));
    return entry !== undefined && this.clock.monotonicMs() - entry.readAtMs < MAX_AGE_MS ? entry : null;
  }

  /** Reads or makes the session; of simultaneous first calls one asks MongoDB, and one owner wins over all replicas. */
  private resolve(orgId: string, sessionId: string, newOwner: string, nowMs: number): Promise<KnownSession> {
    const key = cacheKey(orgId, sessionId);
    const running = this.resolving.get(key);
    if (running !== undefined) return running;
    const startedAtMs = this.clock.monotonicMs();
    const resolving = this.readOrCreate(orgId, sessionId, newOwner, nowMs).then(
      (found) => {
        const session = this.sameObject(key, { ...found, readAtMs: startedAtMs });
        if (this.resolving.get(key) === resolving) {
          this.resolving.delete(key);
          this.entries.set(key, session);
        }
        return session;
      },
      (error: unknown) => {
        if (this.resolving.get(key) === resolving) this.resolving.delete(key);
        throw error;
      },
    );
    this.resolving.set(key, resolving);
    return resolving;
  }

  /** A session that was read again stays the same object: its next number is in it. */
  private sameObject(key: string, read: KnownSession): KnownSession {
    const before = this.entries.peek(key);
    if (before?.key !== read.key) return read;
    before.readAtMs = read.readAtMs;
    return before;
  }

  private async readOrCreate(orgId: string, sessionId: string, newOwner: string, nowMs: number): Promise<Omit<KnownSession, 'readAtMs'>> {
    for (;;) {
      const found = await this.repository.findOwner(orgId, sessionId);
      if (found !== null) return { ...found, orgId, sessionId, nextSeq: null };
      const key = await this.repository.create(orgId, sessionId, newOwner, new Date(nowMs));
      if (key !== null) return { key, orgId, sessionId, userId: newOwner, nextSeq: 1 };
    }
  }
}

/** Organization ids have a fixed length, so no session id can be taken for another organization's. */
function cacheKey(orgId: string, sessionId: string): string {
  return `${orgId}/${sessionId}`;
}

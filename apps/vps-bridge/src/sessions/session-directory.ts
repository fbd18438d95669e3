import { shortened, type JsonObject, type VpsCallRequest } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Bus, CLOCK, Metrics, validationFailed, type Clock } from '@agentfleet/platform';
import { settleOwner } from '@agentfleet/sessions';
import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { MAX_MERGED_METADATA_BYTES, mergedBytes } from './metadata';
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

/** A deletion on another replica is seen this soon even when its notice was lost. */
const MAX_AGE_MS = 1000;
const MAX_SESSIONS = 50_000;

/** Owners of sessions, from memory while they are fresh; makes a session at its first use. */
@Injectable()
export class SessionDirectory {
  private readonly entries = new LRUCache<string, KnownSession>({ max: MAX_SESSIONS });
  private readonly loading = new Map<string, Promise<KnownSession>>();

  constructor(
    private readonly repository: SessionRepository,
    private readonly bus: Bus,
    @Inject(CLOCK) private readonly clock: Clock,
    metrics: Metrics,
  ) {
    metrics.gauge({
      name: 'vps_sessions',
      help: 'Sessions of all organizations',
      collect: async (gauge) => {
        const count = await repository.estimateAll().catch(() => null);
        if (count !== null) gauge.set(count);
      },
    });
  }

  /**
   * The session that a call belongs to, with its owner, before any agent is contacted; undefined when it names none.
   * @param callerId owns a new session when the call names no user.
   * @param nowMs when the call began: a session that it makes is not younger than its first message.
   * @throws AppError `session_owner_mismatch`, `validation_failed` when the session's metadata would become too large.
   */
  async resolve(orgId: string, { sessionId, userId, metadata }: VpsCallRequest, callerId: string, nowMs: number): Promise<KnownSession | undefined> {
    if (sessionId === null) return undefined;
    const mayUse = (session: KnownSession) => settleOwner(session.userId, userId, callerId).kind === 'use';
    const cached = this.fresh(orgId, sessionId);
    const session = cached !== null && mayUse(cached) ? cached : await this.load(orgId, sessionId, userId ?? callerId, nowMs);
    if (!mayUse(session)) throw new AppError('session_owner_mismatch', { message: `Session '${shortened(sessionId)}' belongs to another user` });
    if (metadata !== null) await this.requireRoom(session, metadata);
    return session;
  }

  private async requireRoom({ key }: KnownSession, metadata: JsonObject): Promise<void> {
    if (mergedBytes(await this.repository.readStoredMetadata(key), metadata) <= MAX_MERGED_METADATA_BYTES) return;
    const message = `must not make the session's metadata larger than ${MAX_MERGED_METADATA_BYTES} bytes`;
    throw validationFailed([{ field: 'metadata', message }]);
  }

  forget(orgId: string, sessionId: string): void {
    const key = cacheKey(orgId, sessionId);
    this.entries.delete(key);
    this.loading.delete(key);
  }

  /** Without the bus nobody would tell of a deletion, and a call that begins after it must not write into what is gone: then every call asks. */
  private fresh(orgId: string, sessionId: string): KnownSession | null {
    if (!this.bus.isUp) return null;
    const entry = this.entries.get(cacheKey(orgId, sessionId));
    return entry !== undefined && this.clock.monotonicMs() - entry.readAtMs < MAX_AGE_MS ? entry : null;
  }

  /** Reads or makes the session; of simultaneous first calls one asks MongoDB, and one owner wins over all replicas. */
  private load(orgId: string, sessionId: string, newOwner: string, nowMs: number): Promise<KnownSession> {
    const key = cacheKey(orgId, sessionId);
    const running = this.loading.get(key);
    if (running !== undefined) return running;
    const startedAtMs = this.clock.monotonicMs();
    const loading = this.readOrCreate(orgId, sessionId, newOwner, nowMs).then(
      (found) => {
        const session = this.sameObject(key, { ...found, readAtMs: startedAtMs });
        if (this.loading.get(key) === loading) {
          this.loading.delete(key);
          this.entries.set(key, session);
        }
        return session;
      },
      (error: unknown) => {
        if (this.loading.get(key) === loading) this.loading.delete(key);
        throw error;
      },
    );
    this.loading.set(key, loading);
    return loading;
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

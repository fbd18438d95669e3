import { shortened, type JsonObject, type VpsCallRequest } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Bus, Directory, Metrics, validationFailed } from '@agentfleet/platform';
import { resolveOwner } from '@agentfleet/sessions';
import { Injectable } from '@nestjs/common';
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
  /** At least so young is its document. */
  lastActivityMs: number;
}

interface SessionUse {
  readonly orgId: string;
  readonly sessionId: string;
  /** Owns the session when it is new. */
  readonly newOwner: string;
  readonly nowMs: number;
}

/** A deletion on another replica is seen this soon even when its notice did not arrive. */
const MAX_AGE_MS = 1000;
const MAX_SESSIONS = 50_000;

/** Owners of sessions, from memory while they are fresh; makes a session at its first use. */
@Injectable()
export class SessionDirectory {
  private readonly known = new Directory<SessionUse, KnownSession, Pick<SessionUse, 'orgId' | 'sessionId'>>({
    keyOf: ({ orgId, sessionId }) => `${orgId}/${sessionId}`, // ids of organizations have one length
    load: (use) => this.readOrCreate(use),
    maxEntries: MAX_SESSIONS,
    maxAgeMs: MAX_AGE_MS,
    merge: (read, before) => sameSession(read, before),
  });

  constructor(
    private readonly repository: SessionRepository,
    private readonly bus: Bus,
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
    const mayUse = (session: KnownSession | undefined) => session !== undefined && resolveOwner(session.userId, userId, callerId).kind === 'use';
    const use = { orgId, sessionId, newOwner: userId ?? callerId, nowMs };
    // without the bus nobody would notify of a deletion, and a call that begins after it must not write into what is gone
    const cached = this.bus.isUp ? this.known.peek(use) : undefined;
    const session = mayUse(cached) ? cached : await this.known.refresh(use);
    if (session === undefined || !mayUse(session)) throw new AppError('session_owner_mismatch', { message: `Session '${shortened(sessionId)}' belongs to another user` });
    if (metadata !== null) await this.requireRoom(session, metadata);
    return session;
  }

  private async requireRoom({ key }: KnownSession, metadata: JsonObject): Promise<void> {
    if (mergedBytes(await this.repository.readStoredMetadata(key), metadata) <= MAX_MERGED_METADATA_BYTES) return;
    const message = `must not make the session's metadata larger than ${MAX_MERGED_METADATA_BYTES} bytes`;
    throw validationFailed([{ field: 'metadata', message }]);
  }

  forget(orgId: string, sessionId: string): void {
    this.known.forget({ orgId, sessionId });
  }

  /** Reads or makes the session; of simultaneous first calls one asks MongoDB, and one owner wins over all replicas. */
  private async readOrCreate({ orgId, sessionId, newOwner, nowMs }: SessionUse): Promise<KnownSession> {
    for (;;) {
      const found = await this.repository.findOwner(orgId, sessionId);
      if (found !== null) return { ...found, orgId, sessionId, nextSeq: null };
      const key = await this.repository.create(orgId, sessionId, newOwner, new Date(nowMs));
      if (key !== null) return { key, orgId, sessionId, userId: newOwner, nextSeq: 1, lastActivityMs: nowMs };
    }
  }
}

/** A session that was read again stays the same object: its next number is in it. */
function sameSession(read: KnownSession, before: KnownSession | undefined): KnownSession {
  if (before?.key !== read.key) return read;
  before.lastActivityMs = Math.max(before.lastActivityMs, read.lastActivityMs);
  return before;
}

import type { VpsCallRequest } from '@agentfleet/contracts';
import { validationFailed } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { MAX_MERGED_METADATA_BYTES, mergedBytes } from '../sessions/metadata';
import { SessionDirectory, type KnownSession } from '../sessions/session-directory';
import { SessionRepository } from '../sessions/session.repository';

/** Session and owner of a call, settled before any agent is contacted. */
@Injectable()
export class SettleSession {
  constructor(
    private readonly sessions: SessionDirectory,
    private readonly repository: SessionRepository,
  ) {}

  /**
   * @param nowMs when the call began: a session that it creates is not younger than its first message.
   * @throws AppError `session_owner_mismatch`, `validation_failed` when the session's metadata would become too large.
   */
  async settle(orgId: string, callerId: string, { sessionId, userId, metadata }: VpsCallRequest, nowMs: number): Promise<KnownSession | null> {
    if (sessionId === null) return null;
    const session = await this.sessions.settle(orgId, sessionId, { userId, callerId, nowMs });
    if (metadata !== null) {
      const stored = await this.repository.readStoredMetadata(session.key);
      if (mergedBytes(stored, metadata) > MAX_MERGED_METADATA_BYTES) {
        const message = `must not make the session's metadata larger than ${MAX_MERGED_METADATA_BYTES} bytes`;
        throw validationFailed([{ field: 'metadata', message }]);
      }
    }
    return session;
  }
}

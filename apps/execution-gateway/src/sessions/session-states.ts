import { GATEWAY_ID_PATTERN } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Injectable } from '@nestjs/common';
import { LastRuns } from './last-run.repository';
import { SessionRepository, type SessionPage } from './session.repository';
import type { SessionDocument } from './session.schema';
import type { SessionState } from './session-views';

/** Finds sessions together with their last run. */
@Injectable()
export class SessionStates {
  constructor(
    private readonly sessions: SessionRepository,
    private readonly runs: LastRuns,
  ) {}

  async find(orgId: string, sessionId: string): Promise<SessionState | undefined> {
    if (!GATEWAY_ID_PATTERN.test(sessionId)) return undefined;
    const session = await this.sessions.find(orgId, sessionId);
    return session && this.withRun(session);
  }

  /** By the internal key, as long as the session is not deleted. @throws AppError session_not_found */
  async getLiving(key: string): Promise<SessionState> {
    const session = await this.sessions.findLiving(key);
    if (!session) throw new AppError('session_not_found');
    return this.withRun(session);
  }

  /** @throws AppError session_not_found, for unknown, foreign, deleted and ill-formed ids alike */
  async get(orgId: string, sessionId: string): Promise<SessionState> {
    const state = await this.find(orgId, sessionId);
    if (!state) throw new AppError('session_not_found');
    return state;
  }

  /** A page, newest first, and whether there is more. */
  async page(orgId: string, page: SessionPage): Promise<{ states: SessionState[]; hasMore: boolean }> {
    const found = await this.sessions.page(orgId, page);
    const sessions = found.slice(0, page.limit);
    const runs = new Map((await this.runs.findAll(sessions.flatMap((session) => session.last_run_id ?? []))).map((run) => [run._id, run]));
    const states = sessions.map((session) => ({ session, run: runs.get(session.last_run_id ?? '') }));
    return { states, hasMore: found.length > page.limit };
  }

  private async withRun(session: SessionDocument): Promise<SessionState> {
    return { session, run: await this.runs.find(session.last_run_id) };
  }
}

import { AppError } from '@agentfleet/errors';
import type { Deadline } from '@agentfleet/resilience';
import { Injectable } from '@nestjs/common';
import { CallMetrics } from '../metrics';
import { MessageRepository, type MessageContent } from '../sessions/message.repository';
import type { KnownSession } from '../sessions/session-directory';
import { CallCommits, type CallRecord } from './call-commits';
import type { Call } from './records/call-record';

/** The message that a call's prompt is in its session. */
export function promptOf({ callId, request }: Call, startedAtMs: number): MessageContent {
  return { timestampMs: startedAtMs, role: 'user', content: request.prompt, agent: '', callId, incomplete: false };
}

/** Puts prompts and metadata of calls that nobody will repeat into their sessions before an agent is contacted. */
@Injectable()
export class PromptStore {
  /** Prompts on their way into their sessions, by call. They arrive, or not, also when their calls have given up. */
  private readonly leaving = new Map<string, Promise<void>>();

  constructor(
    private readonly messages: MessageRepository,
    private readonly commits: CallCommits,
    private readonly metrics: CallMetrics,
  ) {}

  /**
   * Resolves when prompt and metadata are durable.
   * @throws AppError `storage_unavailable` when that could not be within the call's deadline.
   */
  async store(call: Call, session: KnownSession, startedAtMs: number, deadline: Deadline): Promise<void> {
    if (this.leaving.has(call.callId)) throw new AppError('storage_unavailable'); // nobody knows yet whether it is there
    const isThere = call.mayBeStored === true && (await this.messages.hasPromptOf(session.key, call.callId));
    const { metadata } = call.request;
    // Prompt and metadata are written side by side: where the one is, the other may be missing.
    if (isThere && metadata === null) return;
    const messages = isThere ? [] : [promptOf(call, startedAtMs)];
    await this.commit(call.callId, { session: { known: session, messages, metadata }, finish: null, deadline });
    if (!isThere) this.metrics.messages.inc({ role: 'user' });
  }

  /** Resolves when nothing of the call is on its way any more; undefined when nothing is. */
  leavingOf(callId: string): Promise<void> | undefined {
    return this.leaving.get(callId);
  }

  private commit(callId: string, record: CallRecord): Promise<void> {
    let committed: Promise<void> = Promise.resolve();
    const left = new Promise<void>((ended) => {
      committed = this.commits.commit({ ...record, ended });
    });
    this.leaving.set(callId, left);
    void left.then(() => this.leaving.delete(callId));
    return committed;
  }
}

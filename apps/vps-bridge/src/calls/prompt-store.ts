import type { VpsCallRequest } from '@agentfleet/contracts';
import type { Deadline } from '@agentfleet/resilience';
import { Inject, Injectable } from '@nestjs/common';
import { MessageRepository, type MessageContent } from '../sessions/message.repository';
import type { KnownSession } from '../sessions/session-directory';
import { CallMetrics } from './call-metrics';
import { CommitLoop } from './commit-loop';

/** What a call says, and since when. */
export interface PromptedCall {
  readonly callId: string;
  readonly request: VpsCallRequest;
  readonly startedAtMs: number;
  readonly deadline: Deadline;
  /** The call may have come so far before, in a replica that died then. */
  readonly mayBeStored: boolean;
}

/** The message that a call's prompt is in its session. */
export function promptOf({ callId, request, startedAtMs }: Omit<PromptedCall, 'deadline' | 'mayBeStored'>): MessageContent {
  return { timestampMs: startedAtMs, role: 'user', content: request.prompt, agent: '', callId, incomplete: false };
}

/** Puts prompts and metadata of calls that nobody will repeat into their sessions before an agent is contacted. */
@Injectable()
export class PromptStore {
  constructor(
    @Inject(MessageRepository) private readonly messages: MessageRepository,
    @Inject(CommitLoop) private readonly commits: CommitLoop,
    @Inject(CallMetrics) private readonly metrics: CallMetrics,
  ) {}

  /**
   * Resolves when prompt and metadata are durable.
   * @throws AppError `storage_unavailable` when that could not be within the call's deadline.
   */
  async store(call: PromptedCall, session: KnownSession): Promise<void> {
    if (call.mayBeStored && (await this.messages.hasPromptOf(session.key, call.callId))) return;
    const messages = [promptOf(call)];
    await this.commits.commit({ session: { known: session, messages, metadata: call.request.metadata }, outcomes: [], finish: null, deadline: call.deadline });
    this.metrics.messages.inc({ role: 'user' });
  }
}

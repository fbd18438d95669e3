import type { VpsCallAccepted, VpsCallRequest } from '@agentfleet/contracts';
import { CLOCK, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { AgentDirectory } from '../../agents/agent-directory';
import { SessionDirectory } from '../../sessions/session-directory';
import type { CallFor } from '../call-agent';
import { IdempotentCalls } from '../idempotent-calls';
import { newCallId } from '../records/call-id';
import type { Call } from '../records/call-record';
import type { IdempotencyKey } from '../records/idempotency-key';
import { RecordWriter } from '../records/record-writer';
import { CallQueue } from './call-queue';

export interface AcceptedCall {
  readonly accepted: VpsCallAccepted;
  readonly replayed: boolean;
}

/** Accepts asynchronous calls. */
@Injectable()
export class AcceptCall {
  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly agents: AgentDirectory,
    private readonly sessions: SessionDirectory,
    private readonly idempotent: IdempotentCalls,
    private readonly records: RecordWriter,
    private readonly queue: CallQueue,
  ) {}

  /**
   * The call is durable when this resolves, and no agent was waited for.
   * @throws AppError `session_owner_mismatch`, `validation_failed`, `idempotency_mismatch`
   */
  async accept(caller: CallFor, request: VpsCallRequest, key: IdempotencyKey | undefined): Promise<AcceptedCall> {
    const call: Call = { callId: newCallId(this.clock.now()), kind: 'async', orgId: caller.orgId, callerId: caller.id, request, key };
    const claimed = await this.idempotent.claim(call);
    if (claimed.kind === 'replay') return { accepted: { call_id: claimed.record._id, status: claimed.record.status }, replayed: true };
    const { callId } = claimed.call;
    try {
      // what would be refused is refused now; an agent that nobody registered makes no session
      if ((await this.agents.find(caller.orgId, request.agentName)) !== undefined) await this.sessions.resolve(caller.orgId, request, caller.id, this.clock.now());
    } catch (error) {
      this.idempotent.release(claimed.call);
      await this.records.discard(callId);
      throw error;
    }
    this.queue.add(callId);
    return { accepted: { call_id: callId, status: 'queued' }, replayed: false };
  }
}

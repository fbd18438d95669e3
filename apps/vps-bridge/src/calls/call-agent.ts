import type { VpsCallRequest, VpsCallResult } from '@agentfleet/contracts';
import { CLOCK, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { newCallId } from './records/call-id';
import { keptResult } from './records/call-record';
import type { IdempotencyKey } from './records/idempotency-key';
import { KeyedCalls, type CallToOpen, type EndedCall } from './idempotent-calls';
import { RunCall, type CallTask } from './conclude-call';
import { RunningCalls } from './calls-in-flight';
import { TryAgent } from './try-agent';

/** Who a call is made for. */
export interface CallFor {
  readonly orgId: string;
  readonly id: string;
}

export interface CallAnswer {
  readonly result: VpsCallResult;
  /** The answer of an earlier request with the same key. */
  readonly replayed: boolean;
}

/** Answers a request whose key belongs to a call that has ended. */
export function earlierAnswer({ result }: EndedCall): CallAnswer {
  return { result: keptResult(result), replayed: true };
}

/** One synchronous call. */
@Injectable()
export class CallAgent {
  constructor(
    private readonly runCall: RunCall,
    private readonly running: RunningCalls,
    private readonly keyed: KeyedCalls,
    private readonly tryAgent: TryAgent,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * @param key makes the call act once, however often it is repeated.
   * @throws AppError as `RunCall.run`, and `overloaded`, `call_in_progress`, `idempotency_key_reused`.
   */
  async call(caller: CallFor, request: VpsCallRequest, key: IdempotencyKey | null): Promise<CallAnswer> {
    this.running.requireRoom();
    const call: CallToOpen = { callId: newCallId(this.clock.now()), kind: 'sync', orgId: caller.orgId, callerId: caller.id, request, key };
    if (key === null) return { result: await this.runCall.run(this.task(call)), replayed: false };
    const opened = await this.keyed.open(call);
    if (opened.kind === 'earlier') return earlierAnswer(opened.call);
    return { result: await this.keyed.guard(opened.call, () => this.runCall.run(this.task(opened.call))), replayed: false };
  }

  private task(call: CallToOpen): CallTask {
    const isKeyed = call.key !== null;
    return { ...call, isRecorded: isKeyed, keepsResponse: isKeyed, ask: (known, route, prompt, deadline) => this.tryAgent.whole(known, route, prompt, deadline) };
  }
}

import type { VpsCallRequest, VpsCallResult } from '@agentfleet/contracts';
import { CLOCK, ENV, REPLICA, currentContext, isStorageUnavailable, type Clock, type Replica } from '@agentfleet/platform';
import { Deadline, walkFallbacks } from '@agentfleet/resilience';
import { HISTORY_LIMITS, historyWithPrompt, type HistoryTurn } from '@agentfleet/sessions';
import { Inject, Injectable } from '@nestjs/common';
import { AgentDirectory, type KnownAgent } from '../agents/agent-directory';
import { AgentHealth } from '../agents/agent-health';
import type { VpsBridgeEnv } from '../env';
import { MessageRepository } from '../sessions/message.repository';
import { SessionDirectory, type KnownSession } from '../sessions/session-directory';
import { namesOf, type BegunCall, type CallWalk, type Chain } from './call-result';
import { CallCut, CallsInFlight, type CallSlot } from './calls-in-flight';
import { ConcludeCall, type StreamEnd } from './conclude-call';
import { IdempotentCalls } from './idempotent-calls';
import { PromptStore } from './prompt-store';
import { newCallId } from './records/call-id';
import { isRecorded, keptResult, openCall, type Call } from './records/call-record';
import type { IdempotencyKey } from './records/idempotency-key';
import { RecordWriter } from './records/record-writer';
import { TryAgent, type AgentTry, type StreamedAttempts } from './try-agent';

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

/** The way of a call: `begin`, then `finish`. A plain call goes both at once; others do something of their own in between. */
@Injectable()
export class CallAgent {
  constructor(
    @Inject(ENV) private readonly env: VpsBridgeEnv,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(REPLICA) private readonly replica: Replica,
    private readonly inFlight: CallsInFlight,
    private readonly idempotent: IdempotentCalls,
    private readonly agents: AgentDirectory,
    private readonly sessions: SessionDirectory,
    private readonly messages: MessageRepository,
    private readonly prompts: PromptStore,
    private readonly records: RecordWriter,
    private readonly health: AgentHealth,
    private readonly tryAgent: TryAgent,
    private readonly concludeCall: ConcludeCall,
  ) {}

  /**
   * One synchronous call.
   * @param key makes the call act once, however often it is repeated.
   * @throws AppError as `begin` and `finish`, and `overloaded`, `call_in_progress`, `idempotency_mismatch`.
   */
  async call(caller: CallFor, request: VpsCallRequest, key: IdempotencyKey | undefined): Promise<CallAnswer> {
    this.inFlight.requireRoom();
    const call: Call = { callId: newCallId(this.clock.now()), kind: 'sync', orgId: caller.orgId, callerId: caller.id, request, key };
    if (key === undefined) return { result: await this.run(call), replayed: false };
    const claimed = await this.idempotent.claim(call);
    if (claimed.kind === 'replay') return { result: keptResult(claimed.record.result), replayed: true };
    try {
      const result = await this.run(claimed.call);
      this.idempotent.release(claimed.call);
      return { result, replayed: false };
    } catch (error) {
      await this.idempotent.fail(claimed.call, error);
      throw error;
    }
  }

  private async run(call: Call): Promise<VpsCallResult> {
    const slot = this.inFlight.enter(call.kind);
    try {
      const begun = await this.begin(call, slot);
      return begun === undefined ? await this.concludeCall.unregistered(call, slot.startMs) : await this.finish(begun, slot);
    } finally {
      slot.leave();
    }
  }

  /**
   * Everything before an agent is contacted: agent and chain, session, history; a recorded call's prompt is durable then.
   * @returns undefined when the agent is not registered.
   * @throws AppError `session_owner_mismatch`, `validation_failed` (metadata), `storage_unavailable`
   */
  async begin(call: Call, { startMs }: CallSlot): Promise<BegunCall | undefined> {
    const { request, orgId, callId, callerId } = call;
    const startedAtMs = this.clock.now();
    const requested = await this.agents.find(orgId, request.agentName);
    if (requested === undefined) return undefined;
    const deadlineSeconds = request.deadlineSeconds ?? Math.max(this.env.VPS_DEFAULT_DEADLINE_SECONDS, requested.agent.timeoutSeconds);
    const deadline = Deadline.after(deadlineSeconds * 1000, this.clock);
    const [session, chain] = await Promise.all([this.sessions.resolve(orgId, request, callerId, startedAtMs), this.chainOf(orgId, requested)]);
    const turns = await this.turnsOf(call, session);
    if (isRecorded(call) && session !== undefined) await this.prompts.store(call, session, startedAtMs, deadline);
    const context = currentContext();
    const prompt = { callId, turns, sessionId: request.sessionId, correlationId: context?.correlationId, traceparent: context?.traceparent };
    return { call, startedAtMs, startMs, deadline, session, chain, prompt };
  }

  /**
   * Asks the agents of the chain in turn, stores what they said, and renders the result.
   * @param streamed makes the attempts of a streamed call.
   * @returns the result, whether or not an agent answered.
   * @throws AppError `answer_not_stored` (with the result), `draining` (with the call's id)
   */
  async finish(begun: BegunCall, slot: CallSlot, streamed?: StreamedAttempts & StreamEnd): Promise<VpsCallResult> {
    const { call, chain, startedAtMs } = begun;
    if (!isRecorded(call)) this.records.begin(call.callId, startedAtMs, () => openCall(call, this.replica.id, startedAtMs, namesOf(chain)));
    try {
      const walk = await Promise.race([this.walk(begun, streamed), slot.cut]);
      return await this.concludeCall.walked(begun, walk, streamed);
    } catch (error) {
      if (error instanceof CallCut) return await this.concludeCall.cut(begun, streamed);
      this.records.forget(call.callId);
      throw error;
    }
  }

  private async chainOf(orgId: string, requested: KnownAgent): Promise<Chain> {
    const { name, fallbackAgents } = requested.agent;
    const others = await Promise.all(fallbackAgents.map(async (other) => ({ name: other, agent: (await this.agents.find(orgId, other)) ?? null })));
    return [{ name, agent: requested }, ...others];
  }

  private async turnsOf({ callId, request: { prompt, includeHistory } }: Call, session: KnownSession | undefined): Promise<readonly HistoryTurn[]> {
    if (!includeHistory || session === undefined) return [{ role: 'user', content: prompt }];
    const newest = await this.messages.before(session.key, Number.MAX_SAFE_INTEGER, HISTORY_LIMITS.messages);
    const earlier = newest.filter((message) => message.callId !== callId).reverse();
    return historyWithPrompt(earlier, prompt, (text) => Buffer.byteLength(text));
  }

  private walk({ chain, prompt, deadline }: BegunCall, streamed: StreamedAttempts | undefined): Promise<CallWalk> {
    const positionOf = (known: KnownAgent) => chain.findIndex(({ agent }) => agent === known);
    return walkFallbacks<KnownAgent, AgentTry, AgentTry>(chain, {
      deadline,
      admit: (known) => this.admit(known),
      tryAgent: async (known, route) => {
        const tried = await this.tryAgent.run({ known, prompt, deadline, position: positionOf(known) }, route, streamed);
        this.health.count(known, (tried.kind === 'answered' ? tried.answer : tried.failure).outcome);
        return tried;
      },
    });
  }

  /** Without storage nobody can claim a trial; the agent is then tried in the second pass like any skipped one. */
  private async admit(known: KnownAgent): Promise<'normal' | 'trial' | 'skip'> {
    try {
      return await this.health.admit(known);
    } catch (error) {
      if (isStorageUnavailable(error)) return 'skip';
      throw error;
    }
  }
}

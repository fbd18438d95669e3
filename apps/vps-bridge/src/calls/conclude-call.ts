import type { VpsCallKind, VpsCallRequest, VpsCallResult } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { CLOCK, ENV, LOG, REPLICA, asAppError, currentContext, isStorageUnavailable, type Clock, type Log, type Replica } from '@agentfleet/platform';
import { Deadline, walkFallbacks, type Route } from '@agentfleet/resilience';
import { HISTORY_LIMITS, historyWithPrompt, type HistoryTurn } from '@agentfleet/sessions';
import { Inject, Injectable } from '@nestjs/common';
import { AgentDirectory, type KnownAgent } from '../agents/agent-directory';
import type { VpsBridgeEnv } from '../env';
import { HealthWriter } from '../health/health-writer';
import { MessageRepository, type MessageContent } from '../sessions/message.repository';
import type { KnownSession } from '../sessions/session-directory';
import type { AgentPrompt } from '../vps-client/agent-request';
import { CallMetrics } from '../metrics';
import { endedCall, finishedCall, runningCall, withoutResponse } from './records/call-record';
import { callResult, notRegisteredResult, outcomeUnknownResult, triesOf, type CallWalk, type Chain } from './call-result';
import { CommitLoop, type CallRecord } from './commit-loop';
import { PromptStore, promptOf } from './prompt-store';
import { RecordWriter } from './records/record-writer';
import { CallCut, RunningCalls } from './calls-in-flight';
import { SettleSession } from './settle-session';
import { TryAgent, type AgentTry, type TriedAgent } from './try-agent';

/** One call to be made. */
export interface CallTask {
  readonly callId: string;
  readonly kind: VpsCallKind;
  readonly orgId: string;
  /** Owns a new session when the request names no user. */
  readonly callerId: string;
  readonly request: VpsCallRequest;
  /** It has an open record, which is finished with the answer; its prompt is durable before an agent is contacted. */
  readonly isRecorded: boolean;
  /** Its prompt may be in the session already: it was begun before. */
  readonly mayBeStored?: boolean;
  /** The record keeps the response. */
  readonly keepsResponse: boolean;
  /** Runs before the first agent is contacted, with the names of the whole chain; when it throws, nobody is. */
  readonly beforeContact?: (chain: readonly string[]) => Promise<void>;
  /** How agents are asked; `position` is the agent's place in the chain, from 0. */
  readonly ask: (known: KnownAgent, route: Route, prompt: AgentPrompt, deadline: Deadline, position: number) => Promise<TriedAgent>;
  /** Has the last word on the result. */
  readonly amend?: (result: VpsCallResult) => VpsCallResult;
  /** What a streamed answer brought before it broke off. */
  readonly partial?: () => { readonly text: string; readonly agent: string } | null;
}

interface RunningCall {
  readonly task: CallTask;
  readonly startedAtMs: number;
  /** Monotonic. */
  readonly startMs: number;
  readonly deadline: Deadline;
}

const HOUR_MS = 3_600_000;

/** What a call still leaves in its session; the metadata of a recorded call went in with its prompt. */
function leftIn(known: KnownSession | null, { isRecorded, request }: CallTask, messages: readonly MessageContent[]): CallRecord['session'] {
  if (known === null || (isRecorded && messages.length === 0)) return null;
  return { known, messages, metadata: isRecorded ? null : request.metadata };
}

/** One call from its chain to its stored answer: session, walk, commit. */
@Injectable()
export class RunCall {
  constructor(
    @Inject(ENV) private readonly env: VpsBridgeEnv,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
    private readonly agents: AgentDirectory,
    private readonly settleSession: SettleSession,
    private readonly messages: MessageRepository,
    private readonly health: HealthWriter,
    private readonly tryAgent: TryAgent,
    private readonly prompts: PromptStore,
    private readonly commits: CommitLoop,
    private readonly records: RecordWriter,
    @Inject(REPLICA) private readonly replica: Replica,
    private readonly running: RunningCalls,
    private readonly metrics: CallMetrics,
  ) {}

  /** When the record of a call that begins now may be forgotten. */
  expiresAtMs(startedAtMs: number): number {
    return startedAtMs + this.env.VPS_CALL_RETENTION_HOURS * HOUR_MS;
  }

  /**
   * @returns the result, whether or not an agent answered.
   * @throws AppError `session_owner_mismatch`, `validation_failed` (metadata), `storage_unavailable` before any agent was
   * contacted; `answer_not_stored` (with the result) and `draining` (with the call's id) afterwards.
   */
  run(task: CallTask): Promise<VpsCallResult> {
    return this.running.run(task.kind, (cut) => this.runUntil(cut, task));
  }

  private async runUntil(cut: Promise<never>, task: CallTask): Promise<VpsCallResult> {
    const { request, orgId, callId, callerId } = task;
    const startedAtMs = this.clock.now();
    const startMs = this.clock.monotonicMs();
    const requested = await this.agents.find(orgId, request.agentName);
    if (requested === null) return this.concludeUnregistered(task, startMs);
    const deadline = Deadline.after(this.deadlineMs(requested, request), this.tryAgent.waitClock);
    const call: RunningCall = { task, startedAtMs, startMs, deadline };
    const [session, chain] = await Promise.all([this.settleSession.settle(orgId, callerId, request, startedAtMs), this.chainOf(orgId, requested)]);
    const turns = await this.turnsFor(task, session);
    await this.beforeContact(call, chain, session);
    const context = currentContext();
    const prompt: AgentPrompt = { callId, turns, sessionId: request.sessionId, correlationId: context?.correlationId, traceparent: context?.traceparent };
    try {
      const walk = await Promise.race([this.walk(chain, call, prompt), cut]);
      return await this.conclude(call, chain, session, walk);
    } catch (error) {
      if (error instanceof CallCut) await this.concludeCut(call, chain, session);
      this.records.forget(callId);
      throw error;
    }
  }

  private deadlineMs({ agent }: KnownAgent, { deadlineSeconds }: VpsCallRequest): number {
    return 1000 * (deadlineSeconds ?? Math.max(this.env.VPS_DEFAULT_DEADLINE_SECONDS, agent.timeoutSeconds));
  }

  private async chainOf(orgId: string, requested: KnownAgent): Promise<Chain> {
    const { name, fallbackAgents } = requested.agent;
    const others = await Promise.all(fallbackAgents.map(async (other) => ({ name: other, agent: await this.agents.find(orgId, other) })));
    return [{ name, agent: requested }, ...others];
  }

  /** What has to stand before anybody acts on the call, and of a plain call only the notice that it is under way. */
  private async beforeContact({ task, startedAtMs, deadline }: RunningCall, chain: Chain, session: KnownSession | null): Promise<void> {
    const { callId, request, isRecorded, mayBeStored = false } = task;
    const names = chain.map(({ name }) => name);
    if (isRecorded && session !== null) await this.prompts.store({ callId, request, startedAtMs, deadline, mayBeStored }, session);
    await task.beforeContact?.(names);
    if (!isRecorded) this.records.begin(runningCall(task, { startedAtMs, expiresAtMs: this.expiresAtMs(startedAtMs) }, this.replica.id, names));
  }

  private async turnsFor({ callId, request: { prompt, includeHistory } }: CallTask, session: KnownSession | null): Promise<readonly HistoryTurn[]> {
    if (!includeHistory || session === null) return [{ role: 'user', content: prompt }];
    const newest = await this.messages.before(session.key, Number.MAX_SAFE_INTEGER, HISTORY_LIMITS.messages);
    const earlier = newest.filter((message) => message.callId !== callId).reverse();
    return historyWithPrompt(earlier, prompt, (text) => Buffer.byteLength(text));
  }

  private walk(chain: Chain, { task, deadline }: RunningCall, prompt: AgentPrompt): Promise<CallWalk> {
    return walkFallbacks<KnownAgent, AgentTry, AgentTry>(chain, {
      deadline,
      admit: (known) => this.admit(known),
      tryAgent: (known, route) => task.ask(known, route, prompt, deadline, chain.findIndex(({ agent }) => agent === known)),
    });
  }

  /** Without storage nobody can claim a trial; the agent is then tried in the second pass like any skipped one. */
  private async admit(known: KnownAgent): Promise<'normal' | 'trial' | 'skip'> {
    try {
      return await this.health.claim(known);
    } catch (error) {
      if (isStorageUnavailable(error)) return 'skip';
      throw error;
    }
  }

  /** Nothing is stored of it, but for an asynchronous call, whose result is fetched from its record. */
  private async concludeUnregistered(task: CallTask, startMs: number): Promise<VpsCallResult> {
    const { callId, kind, request, isRecorded } = task;
    const result = notRegisteredResult({ callId, agentName: request.agentName, sessionId: request.sessionId });
    this.count(task, result, startMs, []);
    if (kind === 'async') await this.records.finish(finishedCall(result, this.clock.now(), false));
    else if (isRecorded) await this.records.discard(callId);
    return result;
  }

  private async conclude(call: RunningCall, chain: Chain, session: KnownSession | null, walk: CallWalk): Promise<VpsCallResult> {
    const { task, startMs, startedAtMs } = call;
    const { callId, request } = task;
    const messages = session === null ? [] : this.messagesOf(call, walk);
    const tries = triesOf(walk);
    const identity = { callId, agentName: request.agentName, sessionId: request.sessionId };
    const walked = callResult(identity, chain, walk, this.clock.monotonicMs() - startMs, { nowMs: this.clock.now(), settings: this.health.settings });
    const result = task.amend?.(walked) ?? walked;
    const kept = task.keepsResponse ? result : withoutResponse(result);
    const finish = task.isRecorded ? finishedCall(kept, this.clock.now(), tries.some((one) => one.tries > 0)) : null;
    const committed = await this.commit(call, { session: leftIn(session, task, messages), outcomes: tries.map(({ outcome }) => outcome), finish });
    this.count(task, result, startMs, tries);
    if (finish === null) this.records.add(this.plainRecord(task, result, startedAtMs));
    if (!committed) {
      if (finish !== null) void this.records.finish(finish);
      throw new AppError('answer_not_stored', { extra: { result } });
    }
    for (const { role } of messages) this.metrics.messages.inc({ role });
    return result;
  }

  /** The process ends while an agent works: the prompt is kept, and nobody will ever send it again. */
  private async concludeCut(call: RunningCall, chain: Chain, session: KnownSession | null): Promise<never> {
    const { task, startMs, startedAtMs } = call;
    const { callId, request, isRecorded } = task;
    const result = outcomeUnknownResult({ callId, agentName: request.agentName, sessionId: request.sessionId }, chain.map(({ name }) => name), this.clock.monotonicMs() - startMs);
    this.metrics.outcomeUnknown.inc();
    this.count(task, result, startMs, []);
    const finish = isRecorded ? finishedCall(result, this.clock.now(), true) : null;
    if (finish === null) this.records.add(this.plainRecord(task, result, startedAtMs));
    const messages = session === null ? [] : this.messagesOf(call, null);
    await this.commit(call, { session: leftIn(session, task, messages), outcomes: [], finish });
    throw new AppError('draining', { message: 'This replica is shutting down; the outcome of the call is unknown', extra: { call_id: callId } });
  }

  /** What is still to be stored: of a recorded call the prompt is there already. */
  private messagesOf({ task, startedAtMs }: RunningCall, walk: CallWalk | null): readonly MessageContent[] {
    const { callId, request } = task;
    const prompts = task.isRecorded ? [] : [promptOf({ callId, request, startedAtMs })];
    const answered = walk?.last?.outcome.kind === 'answered' ? walk.last.outcome.answer : null;
    const whole = answered?.answer == null ? null : { text: answered.answer.text, agent: answered.known.agent.name };
    const said = whole ?? task.partial?.() ?? null;
    if (said === null) return prompts;
    return [...prompts, { timestampMs: this.clock.now(), role: 'assistant', content: said.text, agent: said.agent, callId, incomplete: whole === null }];
  }

  /** False when it could not be stored within the call's deadline. */
  private async commit({ deadline, task }: RunningCall, record: Omit<CallRecord, 'deadline'>): Promise<boolean> {
    if (record.session === null && record.outcomes.length === 0 && record.finish === null) return true;
    try {
      await this.commits.commit({ ...record, deadline });
      return true;
    } catch (error) {
      const level = asAppError(error) === undefined ? 'error' : 'warn';
      this.log[level]({ err: error, call_id: task.callId }, 'A call could not be stored');
      return false;
    }
  }

  private plainRecord(task: CallTask, result: VpsCallResult, startedAtMs: number) {
    return endedCall(task, result, { startedAtMs, finishedAtMs: this.clock.now(), expiresAtMs: this.expiresAtMs(startedAtMs) });
  }

  /** The log names the true causes, also where answers do not. */
  private count({ kind, request }: CallTask, result: VpsCallResult, startMs: number, tries: readonly AgentTry[]): void {
    const agentsMs = tries.reduce((sum, { latencyMs }) => sum + latencyMs, 0);
    const causeOf = (name: string) => tries.find(({ known }) => known.agent.name === name)?.failure?.errorCode;
    const durationMs = this.clock.monotonicMs() - startMs;
    this.metrics.ended(kind, result, durationMs, agentsMs);
    if (!this.log.isLevelEnabled('info')) return;
    this.log.info(
      {
        call_id: result.call_id,
        kind,
        agent: result.agent_name,
        attempts: result.attempts.map(({ agent, tries: count, skipped }) => `${agent}:${count}:${causeOf(agent) ?? skipped ?? 'ok'}`),
        outcome: result.success ? 'success' : 'failure',
        error_code: result.error_code,
        duration_ms: Math.round(durationMs * 100) / 100,
        prompt_characters: request.prompt.length,
        response_characters: result.response?.length ?? 0,
      },
      'Call',
    );
  }
}

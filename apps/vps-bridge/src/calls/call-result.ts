import type { VpsCallAttempt, VpsCallResult } from '@agentfleet/contracts';
import { classifyFailure, failureText, shownCode } from '@agentfleet/errors';
import type { ChainMember, Deadline, WalkResult, WalkStep } from '@agentfleet/resilience';
import type { KnownAgent } from '../agents/agent-directory';
import type { KnownSession } from '../sessions/session-directory';
import type { AgentPrompt } from '../vps-client/agent-request';
import type { Call } from './records/call-record';
import { roundedMs, type CallIdentity } from './records/unanswered';
import type { AgentTry } from './try-agent';

export type Chain = readonly ChainMember<KnownAgent>[];

export type CallWalk = WalkResult<AgentTry, AgentTry>;

/** A call whose agent is registered, and for which all stands that must stand before an agent is contacted. */
export interface BegunCall {
  readonly call: Call;
  readonly startedAtMs: number;
  /** Monotonic. */
  readonly startMs: number;
  readonly deadline: Deadline;
  readonly session: KnownSession | undefined;
  readonly chain: Chain;
  readonly prompt: AgentPrompt;
}

export function namesOf(chain: Chain): readonly string[] {
  return chain.map(({ name }) => name);
}

export function triesOf(walk: CallWalk): readonly AgentTry[] {
  const tries: AgentTry[] = [];
  for (const step of walk.steps) if (step.kind === 'tried') tries.push(tryOf(step));
  return tries;
}

function tryOf({ outcome }: Extract<CallWalk['steps'][number], { kind: 'tried' }>): AgentTry {
  return outcome.kind === 'answered' ? outcome.answer : outcome.failure;
}

/** The answer of a call that walked its chain, when the outcomes are counted: circuits are looked at as they are now. */
export function callResult(identity: CallIdentity, chain: Chain, walk: CallWalk, latencyMs: number, nowMs: number): VpsCallResult {
  const last = walk.last === null ? null : tryOf(walk.last);
  const answered = last?.answer ?? null;
  // nobody was tried: there was no time left for anybody
  const failure = answered === null ? (last?.failure ?? classifyFailure({ kind: 'deadline' })) : null;
  return {
    success: answered !== null,
    agent_name: answered !== null && last !== null ? last.known.agent.name : identity.agentName,
    response: answered?.text ?? null,
    error: failure === null ? null : `All agents failed. Last error: ${failureText(failure)}`,
    error_type: failure?.errorType ?? null,
    error_code: failure === null ? null : shownCode(failure),
    fallback_chain: namesOf(chain),
    latency_ms: roundedMs(latencyMs),
    retried: walk.failovers > 0,
    retry_count: walk.failovers,
    call_id: identity.callId,
    session_id: identity.sessionId,
    retry_after_seconds: failure === null ? null : retryAfterSeconds(chain, walk, nowMs),
    attempts: walk.steps.map(renderStep),
  };
}

function renderStep(step: WalkStep<AgentTry, AgentTry>): VpsCallAttempt {
  if (step.kind === 'skipped') {
    const nothing = { tries: 0, latency_ms: 0, error_type: null, error_code: null, status_code: null, error: null };
    return { agent: step.name, ...nothing, skipped: step.reason, forced: false };
  }
  const { tries, latencyMs, failure, answer } = tryOf(step);
  return {
    agent: step.name,
    tries,
    latency_ms: roundedMs(latencyMs),
    error_type: failure?.errorType ?? null,
    error_code: failure === null ? null : shownCode(failure),
    status_code: answer?.status ?? failure?.statusCode ?? null,
    error: failure === null ? null : failureText(failure),
    skipped: null,
    forced: step.route === 'forced',
  };
}

/** The earliest of what agents asked for and of the ends of their circuits' cool-downs, whole seconds; null when nothing is known. */
function retryAfterSeconds(chain: Chain, walk: CallWalk, nowMs: number): number | null {
  const tries = triesOf(walk);
  const asked = tries.flatMap(({ retryAfterMs }) => retryAfterMs ?? []);
  const tried = tries.map(({ known }) => known.health.circuit);
  const untried = chain.flatMap(({ agent }) => (agent === null || tries.some(({ known }) => known.agent.id === agent.agent.id) ? [] : agent.health.circuit));
  const cooling = [...tried, ...untried].flatMap((circuit) => (circuit.state === 'closed' ? [] : circuit.retryAtMs - nowMs));
  const waits = [...asked, ...cooling];
  return waits.length === 0 ? null : Math.max(0, Math.ceil(Math.min(...waits) / 1000));
}

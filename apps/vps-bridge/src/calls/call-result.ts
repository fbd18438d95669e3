import { shortened, type VpsCallAttempt, type VpsCallResult } from '@agentfleet/contracts';
import { classifyFailure, failureText, shownCode } from '@agentfleet/errors';
import { applyOutcome } from '@agentfleet/health';
import type { ChainMember, CircuitSettings, WalkResult, WalkStep } from '@agentfleet/resilience';
import type { KnownAgent } from '../agents/agent-directory';
import type { AgentTry } from './try-agent';

export interface CallIdentity {
  readonly callId: string;
  readonly agentName: string;
  readonly sessionId: string | null;
}

/** What the circuits of failed agents will be once the call is stored. */
export interface CircuitsAfter {
  readonly nowMs: number;
  readonly settings: CircuitSettings;
}

export type Chain = readonly ChainMember<KnownAgent>[];

export type CallWalk = WalkResult<AgentTry, AgentTry>;

/** Two decimals. */
export function roundedMs(ms: number): number {
  return Math.round(ms * 100) / 100;
}

export function triesOf(walk: CallWalk): readonly AgentTry[] {
  return walk.steps.flatMap((step) => (step.kind === 'tried' ? [tryOf(step)] : []));
}

function tryOf({ outcome }: Extract<CallWalk['steps'][number], { kind: 'tried' }>): AgentTry {
  return outcome.kind === 'answered' ? outcome.answer : outcome.failure;
}

/** The answer of a call whose agent is not registered: nothing was tried and nothing is stored. */
export function notRegisteredResult({ callId, agentName, sessionId }: CallIdentity): VpsCallResult {
  const error =
    `Agent '${shortened(agentName)}' not registered. Register it with POST /api/vps/register; ` +
    'being listed in AIWM does not make an agent callable here.';
  return {
    success: false,
    agent_name: agentName,
    response: null,
    error,
    error_type: 'UNKNOWN',
    error_code: 'not_registered',
    fallback_chain: [],
    latency_ms: 0,
    retried: false,
    retry_count: 0,
    call_id: callId,
    session_id: sessionId,
    retry_after_seconds: null,
    attempts: [],
  };
}

/** What is known of a call whose replica ended, or was ended, while an agent was answering. It is never sent again. */
export function outcomeUnknownResult({ callId, agentName, sessionId }: CallIdentity, chain: readonly string[], latencyMs: number): VpsCallResult {
  return {
    success: false,
    agent_name: agentName,
    response: null,
    error: 'The bridge stopped while an agent was answering. Whether the agent acted is not known, so the call is not repeated.',
    error_type: 'UNKNOWN',
    error_code: 'outcome_unknown',
    fallback_chain: chain,
    latency_ms: roundedMs(latencyMs),
    retried: false,
    retry_count: 0,
    call_id: callId,
    session_id: sessionId,
    retry_after_seconds: null,
    attempts: [],
  };
}

/** What is kept of a call that was refused before any agent was contacted. */
export function refusedResult(identity: CallIdentity, chain: readonly string[], errorCode: string): VpsCallResult {
  return { ...outcomeUnknownResult(identity, chain, 0), error: 'The call was refused before any agent was contacted', error_code: errorCode };
}

/** The answer of a call that walked its chain. */
export function callResult(identity: CallIdentity, chain: Chain, walk: CallWalk, latencyMs: number, circuits: CircuitsAfter): VpsCallResult {
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
    fallback_chain: chain.map(({ name }) => name),
    latency_ms: roundedMs(latencyMs),
    retried: walk.failovers > 0,
    retry_count: walk.failovers,
    call_id: identity.callId,
    session_id: identity.sessionId,
    retry_after_seconds: failure === null ? null : retryAfterSeconds(chain, walk, circuits),
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
function retryAfterSeconds(chain: Chain, walk: CallWalk, { nowMs, settings }: CircuitsAfter): number | null {
  const tries = triesOf(walk);
  const asked = tries.flatMap(({ retryAfterMs }) => retryAfterMs ?? []);
  const tried = tries.map(({ known, outcome }) => applyOutcome(known.health.state, outcome.outcome, nowMs, settings).circuit);
  const untried = chain.flatMap(({ agent }) => (agent === null || tries.some(({ known }) => known.agent.id === agent.agent.id) ? [] : agent.health.state.circuit));
  const cooling = [...tried, ...untried].flatMap((circuit) => (circuit.state === 'closed' ? [] : circuit.retryAtMs - nowMs));
  const waits = [...asked, ...cooling];
  return waits.length === 0 ? null : Math.max(0, Math.ceil(Math.min(...waits) / 1000));
}

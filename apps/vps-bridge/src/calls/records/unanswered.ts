import { shortened, type VpsCallResult } from '@agentfleet/contracts';

export interface CallIdentity {
  readonly callId: string;
  readonly agentName: string;
  readonly sessionId: string | null;
}

/** Results of calls that walked no chain to its end. */
function unanswered({ callId, agentName, sessionId }: CallIdentity, error: string, errorCode: string, chain: readonly string[] = [], latencyMs = 0): VpsCallResult {
  return {
    success: false,
    agent_name: agentName,
    response: null,
    error,
    error_type: 'UNKNOWN',
    error_code: errorCode,
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

/** Two decimals. */
export function roundedMs(ms: number): number {
  return Math.round(ms * 100) / 100;
}

/** The answer of a call whose agent is not registered: nothing was tried and nothing is stored. */
export function notRegisteredResult(identity: CallIdentity): VpsCallResult {
  const error =
    `Agent '${shortened(identity.agentName)}' not registered. Register it with POST /api/vps/register; ` +
    'being listed in AIWM does not make an agent callable here.';
  return unanswered(identity, error, 'not_registered');
}

/** What is known of a call whose replica ended, or was ended, while an agent was answering. It is never sent again. */
export function outcomeUnknownResult(identity: CallIdentity, chain: readonly string[], latencyMs: number): VpsCallResult {
  const error = 'The bridge stopped while an agent was answering. Whether the agent acted is not known, so the call is not repeated.';
  return unanswered(identity, error, 'outcome_unknown', chain, latencyMs);
}

/** What is kept of a call that was refused before any agent was contacted. */
export function refusedResult(identity: CallIdentity, chain: readonly string[], errorCode: string): VpsCallResult {
  return unanswered(identity, 'The call was refused before any agent was contacted', errorCode, chain);
}

/** What a stream's client hears when an agent answered and the answer could not be stored. */
export function notStoredResult(identity: CallIdentity, chain: readonly string[]): VpsCallResult {
  return unanswered(identity, 'The agent answered, but its answer could not be stored', 'answer_not_stored', chain);
}

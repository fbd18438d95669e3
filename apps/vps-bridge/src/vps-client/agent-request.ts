import type { VpsApi } from '@agentfleet/contracts';
import type { HistoryTurn } from '@agentfleet/sessions';

/** What the client has to know of an agent. */
export interface AgentTarget {
  readonly name: string;
  /** `protocol://host:port`. */
  readonly url: string;
  readonly authToken: string | null;
  readonly api: VpsApi;
  readonly model: string;
}

/** What one call says to every agent that it tries. */
export interface AgentPrompt {
  readonly callId: string;
  readonly turns: readonly HistoryTurn[];
  readonly sessionId: string | null;
  readonly correlationId: string | undefined;
  readonly traceparent: string | undefined;
}

export interface AgentRequest {
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: string;
}

/** The HTTP request of one attempt (contract vps-bridge section 9). Nothing of the caller's own request travels on. */
export function agentRequest(target: AgentTarget, prompt: AgentPrompt, userAgent: string, streamed = false): AgentRequest {
  const { callId, sessionId, correlationId, traceparent } = prompt;
  const headers = ['content-type', 'application/json', 'accept', streamed ? 'text/event-stream, application/json' : 'application/json', 'user-agent', userAgent, 'idempotency-key', callId];
  if (target.authToken !== null) headers.push('authorization', `Bearer ${target.authToken}`);
  if (correlationId !== undefined) headers.push('x-correlation-id', correlationId);
  if (traceparent !== undefined) headers.push('traceparent', traceparent);
  const base = { model: target.model, messages: prompt.turns, ...(streamed ? { stream: true } : {}) };
  if (target.api === 'openai') {
    if (sessionId !== null) headers.push('x-session-id', encodeURIComponent(sessionId));
    return { path: '/v1/chat/completions', headers, body: JSON.stringify(base) };
  }
  return { path: '/v1/messages', headers, body: JSON.stringify(sessionId === null ? base : { ...base, session_id: sessionId }) };
}

import { classifyFailure, type Failure } from '@agentfleet/errors';
import { newHealth } from '@agentfleet/health';
import type { Circuit, WalkStep } from '@agentfleet/resilience';
import type { KnownAgent } from '../agents/agent-directory';
import { newCallId } from './records/call-id';
import { callResult, type CallWalk, type Chain } from './call-result';
import { notRegisteredResult } from './records/unanswered';
import type { AgentTry } from './try-agent';

const NOW = 1_000_000;
const status = (value: number) => classifyFailure({ kind: 'status', status: value });

function known(name: string, circuit: Circuit = { state: 'closed' }): KnownAgent {
  const registration = {
    name,
    host: 'h',
    port: 1,
    protocol: 'http' as const,
    authToken: null,
    timeoutSeconds: 30,
    maxRetries: 3,
    fallbackAgents: [],
    api: 'messages' as const,
    model: null,
    streaming: false,
    retryOn: null,
    fallbackOn: null,
  };
  return {
    agent: { ...registration, id: name, orgId: 'o', createdAt: new Date(0), updatedAt: new Date(0) },
    target: { name, url: 'http://h:1', authToken: null, api: 'messages', model: name },
    stored: { agentId: name, orgId: 'o', name, version: 1, state: newHealth(0), counted: [] },
    health: { ...newHealth(0), circuit },
    learntAtMs: 0,
  };
}

function tried(name: string, failure: Failure | null, over: Partial<AgentTry> & { circuit?: Circuit } = {}): Extract<WalkStep<AgentTry, AgentTry>, { kind: 'tried' }> {
  const agent = known(name, over.circuit);
  const answer = failure === null ? { text: 'text', status: 200 } : null;
  const outcome = { kind: 'neutral' as const, startedAtMs: 0, route: 'normal' as const };
  const one: AgentTry = { known: agent, tries: 2, latencyMs: 12.3456, retryAfterMs: null, failure, answer, outcome, ...over };
  return { kind: 'tried', name, route: 'normal', outcome: failure === null ? { kind: 'answered', answer: one } : { kind: 'failed', failure: one, mayFallBack: true } };
}

const identity = { callId: 'call_1', agentName: 'a', sessionId: 's' };
const CHAIN = ['a', 'b'].map((name) => ({ name, agent: known(name) }));
const result = (walk: CallWalk, chain: Chain = CHAIN) => callResult(identity, chain, walk, 1234.5678, NOW);

it('names the agent that answered and shows every step', () => {
  const last = tried('b', null);
  const walk: CallWalk = { steps: [{ kind: 'skipped', name: 'a', reason: 'circuit_open' }, last], last, failovers: 1 };
  expect(result(walk)).toEqual({
    success: true,
    agent_name: 'b',
    response: 'text',
    error: null,
    error_type: null,
    error_code: null,
    fallback_chain: ['a', 'b'],
    latency_ms: 1234.57,
    retried: true,
    retry_count: 1,
    call_id: 'call_1',
    session_id: 's',
    retry_after_seconds: null,
    attempts: [
      { agent: 'a', tries: 0, latency_ms: 0, error_type: null, error_code: null, status_code: null, error: null, skipped: 'circuit_open', forced: false },
      { agent: 'b', tries: 2, latency_ms: 12.35, error_type: null, error_code: null, status_code: 200, error: null, skipped: null, forced: false },
    ],
  });
});

it('names the requested agent and the last failure when all failed', () => {
  const last = tried('b', status(429), { retryAfterMs: 3600_000 });
  expect(result({ steps: [tried('a', status(500)), last], last, failovers: 1 })).toMatchObject({
    success: false,
    agent_name: 'a',
    response: null,
    error: 'All agents failed. Last error: Agent answered with HTTP status 429',
    error_type: 'RATE_LIMIT',
    error_code: 'http_429',
    retry_after_seconds: 3600,
  });
});

it('knows the earliest moment at which a new call makes sense', () => {
  const circuit: Circuit = { state: 'open', openedAtMs: 0, retryAtMs: NOW + 4200, cooldownMs: 20_000 };
  const last = tried('b', status(500), { circuit });
  expect(result({ steps: [tried('a', status(429), { retryAfterMs: 60_000 }), last], last, failovers: 1 }).retry_after_seconds).toBe(5);
  const past: Circuit = { ...circuit, retryAtMs: NOW - 1 };
  expect(result({ steps: [tried('b', status(500), { circuit: past })], last: tried('b', status(500)), failovers: 0 }).retry_after_seconds).toBe(0);
});

it('without time for anybody it is the deadline', () => {
  expect(result({ steps: [{ kind: 'skipped', name: 'a', reason: 'deadline' }], last: null, failovers: 0 })).toMatchObject({
    success: false,
    error_type: 'TIMEOUT',
    error_code: 'deadline_exceeded',
    retry_count: 0,
  });
});

it('cuts the name of an unknown agent in the text', () => {
  const { error, agent_name } = notRegisteredResult({ ...identity, agentName: 'x'.repeat(200) });
  expect(error).toContain(`'${'x'.repeat(64)}' not registered`);
  expect(agent_name).toHaveLength(200);
});

it('gives calls unique ids that sort by time', () => {
  const ids = [newCallId(NOW), newCallId(NOW), newCallId(NOW + 1)];
  expect(new Set(ids).size).toBe(3);
  for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_]{6,64}$/);
  expect((ids[0] ?? '') < (ids[2] ?? '')).toBe(true);
});

it('tells when an agent that was only skipped is tried again', () => {
  const cooling: Circuit = { state: 'open', openedAtMs: NOW, retryAtMs: NOW + 7000, cooldownMs: 7000 };
  const last = tried('b', status(500));
  const chain = [{ name: 'a', agent: known('a', cooling) }, { name: 'b', agent: known('b') }, { name: 'nobody', agent: null }];
  expect(result({ steps: [{ kind: 'skipped', name: 'a', reason: 'circuit_open' }, last], last, failovers: 1 }, chain)).toMatchObject({
    retry_after_seconds: 7,
    fallback_chain: ['a', 'b', 'nobody'],
  });
});

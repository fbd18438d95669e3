import type { AuditTarget, EngineName, GatewaySessionItem, GatewaySessionStatus, GatewaySessionStatusName, GatewaySessionView, RunUsage, ToolPolicy } from '@agentfleet/contracts';
import { isJsonObject, type JsonObject } from '@agentfleet/contracts';
import { addTokens } from '@agentfleet/engine';
import { wireTime, wireTimeOrNull } from '@agentfleet/sessions';
import { DEFAULT_ENGINE } from '../engines/engines';
import type { LastRun } from './last-run.repository';
import type { SessionDocument } from './session.schema';

/** A session and its last run, if it had one: everything that answers are made of. */
export interface SessionState {
  readonly session: SessionDocument;
  readonly run: LastRun | undefined;
}

export const AUTO_POLICY: ToolPolicy = { default: 'auto', tools: {} };

export function sessionItem({ session, run }: SessionState, defaultModel: string): GatewaySessionItem {
  return {
    session_id: session.session_id,
    user_id: session.user_id,
    workspace_dir: session.workspace_dir,
    created_at: wireTime(session.created_at.getTime()),
    metadata: storedObject(session.metadata_json),
    status: statusName(run),
    engine: engineOf(session),
    model: session.model ?? defaultModel,
    agent_id: null,
    run_id: run?.active ? run._id : null,
    is_live_session: run?.active ?? false,
    last_seq: run?.last_seq ?? 0,
  };
}

export function sessionView(state: SessionState, defaultModel: string): GatewaySessionView {
  const { session_id, user_id, workspace_dir, created_at, metadata, engine, model, agent_id, ...rest } = sessionItem(state, defaultModel);
  const { status, run_id, is_live_session, last_seq } = rest;
  return {
    ...{ session_id, user_id, workspace_dir, created_at, metadata, engine, model, agent_id },
    vps_agent: null,
    ...{ status, run_id, is_live_session, last_seq },
    limits: { ...state.session.limits },
    tool_policy: storedPolicy(state.session),
  };
}

export function sessionStatus(state: SessionState, defaultModel: string): GatewaySessionStatus {
  const { session, run } = state;
  const status = statusName(run);
  return {
    session_id: session.session_id,
    status,
    is_running: status === 'queued' || status === 'running' || status === 'waiting',
    runtime_type: engineOf(session),
    runtime_id: null,
    engine: engineOf(session),
    model: session.model ?? defaultModel,
    run: run?.active ? { run_id: run._id, state: run.state, waiting_for: null, iteration: run.progress.iteration, started_at: wireTimeOrNull(run.started_at?.getTime() ?? null) } : null,
    pending_inputs: [],
    event_count: run?.last_seq ?? 0,
    last_seq: run?.last_seq ?? 0,
    first_seq: 1,
    usage: run && (run.active || run.is_counted === false) ? sum(session.usage, run.progress.usage) : session.usage,
    error: run && status === 'error' ? (run.error ?? { message: `The run ended because a limit was reached: ${run.reason ?? 'unknown'}`, code: run.reason ?? 'error' }) : null,
  };
}

/** How the audit log names a session. */
export function auditTarget({ session_id: id }: Pick<SessionDocument, 'session_id'>): AuditTarget {
  return { type: 'session', id, name: id };
}

/** Sessions that are older than the choice have none. */
export function engineOf(session: SessionDocument): EngineName {
  return session.engine ?? DEFAULT_ENGINE;
}

export function statusName(run: LastRun | undefined): GatewaySessionStatusName {
  if (run === undefined) return 'idle';
  switch (run.state) {
    case 'queued':
    case 'running':
    case 'waiting':
    case 'cancelled':
      return run.state;
    case 'succeeded':
      return 'finished';
    case 'failed':
      return 'error';
  }
}

export function storedPolicy(session: SessionDocument): ToolPolicy {
  const { default: byDefault, tools } = storedObject(session.tool_policy_json);
  const rules = isJsonObject(tools) ? Object.entries(tools).filter((rule): rule is [string, 'auto' | 'deny'] => rule[1] === 'auto' || rule[1] === 'deny') : [];
  return { default: byDefault === 'deny' ? 'deny' : 'auto', tools: Object.fromEntries(rules) };
}

/** A JSON object that we stored as text. */
export function storedObject(json: string): JsonObject {
  const value: unknown = JSON.parse(json);
  return isJsonObject(value) ? value : {};
}

function sum(a: RunUsage, b: RunUsage): RunUsage {
  return { ...addTokens(a, b), model_calls: a.model_calls + b.model_calls, tool_calls: a.tool_calls + b.tool_calls };
}

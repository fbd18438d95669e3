import { randomBytes } from 'node:crypto';
import type { RunEventBody, RunLimits, RunRequest } from '@agentfleet/contracts';
import { newProgress } from '@agentfleet/engine';
import type { Engine } from '../engines/engine';
import { eventDocument } from '../events/event-frame';
import type { SessionDocument } from '../sessions/session.schema';
import { storedPolicy } from '../sessions/session-views';
import type { NewRun } from './run.repository';
import type { RunDocument } from './run.schema';
import { messageDocument } from './stored-messages';

/** What a new run is made of. */
export interface RunPlan {
  readonly session: SessionDocument;
  /** The session's last run: numbers go on behind it. */
  readonly last: RunDocument | undefined;
  readonly request: RunRequest;
  readonly fingerprint: string;
  readonly engine: Engine;
  readonly model: string;
  readonly limits: RunLimits & { readonly max_iterations: number };
  /** The replica that executes it from the beginning; undefined: it waits for one. */
  readonly executor: string | undefined;
  /** No slot is free: viewers are told that it waits. */
  readonly waits: boolean;
  readonly nowMs: number;
}

/** The documents of a run that was just admitted: itself, its first events, and the user's message. */
export function newRun(plan: RunPlan): NewRun {
  const { session, last, request } = plan;
  const run = runDocument(plan);
  const bodies: RunEventBody[] = [sessionInfo(plan, run)];
  if (plan.waits) bodies.push({ type: 'status', data: { status: 'queued', message: 'The run waits for a free slot.' } });
  const place = { sessionKey: session._id, runId: run._id, atMs: run.last_event_at.getTime() };
  const events = bodies.map((body, at) => eventDocument(body, { ...place, seq: run.first_seq + at, epoch: run.epoch }));
  const input = { role: 'user' as const, runId: run._id, content: request.userInput, context: request.context };
  const index = last?.next_message_index ?? 0;
  const message = messageDocument(input, { sessionKey: session._id, engine: run.engine, index, epoch: run.epoch, at: run.last_event_at });
  const lastSeq = run.first_seq + events.length - 1;
  return { run: { ...run, last_seq: lastSeq, step_seq: lastSeq, next_message_index: index + 1 }, executor: plan.executor, events, message };
}

function runDocument({ session, last, request, ...plan }: RunPlan): RunDocument {
  const id = `run_${randomBytes(12).toString('hex')}`;
  const atMs = Math.max(plan.nowMs, last?.last_event_at.getTime() ?? 0);
  const at = new Date(atMs);
  const firstSeq = (last?.last_seq ?? 0) + 1;
  return {
    ...BEGINNING,
    _id: id,
    org_id: session.org_id,
    session_key: session._id,
    session_id: session.session_id,
    volume_id: session.volume_id,
    engine: plan.engine.name,
    model: plan.model,
    turn_id: request.idempotencyKey ?? id,
    created_at: at,
    epoch: (last?.epoch ?? 0) + 1, // above all that an executor of the session may have left behind
    first_seq: firstSeq,
    last_seq: firstSeq,
    step_seq: firstSeq,
    last_event_at: at,
    next_message_index: 0,
    progress: newProgress(atMs),
    ...(request.idempotencyKey === undefined ? {} : { idempotency_key: request.idempotencyKey }),
    request_hash: plan.fingerprint,
    limits: plan.limits,
    metadata_json: JSON.stringify(request.metadata),
  };
}

function sessionInfo({ session, engine, model, limits }: RunPlan, run: RunDocument): RunEventBody {
  const { tools, notices } = engine.offer(storedPolicy(session));
  const data = {
    session_id: session.session_id,
    user_id: session.user_id,
    workspace_dir: session.workspace_dir,
    run_id: run._id,
    turn_id: run.turn_id,
    engine: engine.name,
    model,
    agent_id: null,
    agent_revision: null,
    max_iterations: limits.max_iterations,
    tools,
    notices,
    config_stale: false,
  };
  return { type: 'session_info', data };
}

/** What every run begins with. */
const BEGINNING = {
  active: true,
  state: 'queued',
  reason: null,
  attempt: 1,
  takeovers_at_step: 0,
  executor: null,
  lease_until: new Date(0),
  started_at: null,
  ended_at: null,
  active_ms: 0,
  output: null,
  error: null,
  requests: [],
} as const satisfies Partial<RunDocument>;

import { randomBytes } from 'node:crypto';
import type { GatewaySessionView, SessionCreate } from '@agentfleet/contracts';
import { NO_USAGE } from '@agentfleet/engine';
import { AppError, type FieldProblem } from '@agentfleet/errors';
import { Changes, CLOCK, isDuplicateKey, type Caller, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { DEFAULT_ENGINE, Engines } from '../engines/engines';
import { ModelCatalog } from '../models/model-catalog';
import { refused } from '../paging/page-query';
import { DEFAULT_RUN_LIMITS } from './run-limits';
import { SessionStates } from './session-states';
import { SessionRepository } from './session.repository';
import type { SessionDocument } from './session.schema';
import { auditTarget, AUTO_POLICY, engineOf, sessionView } from './session-views';
import { Workspaces } from '../workspaces/workspaces';

/** `POST /sessions`: makes a session, or finds the one that is there already. Starts nothing. */
@Injectable()
export class CreateSession {
  constructor(
    private readonly sessions: SessionRepository,
    private readonly states: SessionStates,
    private readonly workspaces: Workspaces,
    private readonly models: ModelCatalog,
    private readonly engines: Engines,
    private readonly changes: Changes,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async run(caller: Caller, wanted: SessionCreate): Promise<GatewaySessionView> {
    if (this.workspaces.volumeId === '') throw new AppError('storage_unavailable'); // still booting
    const workspaceDir = wanted.workspaceDir === undefined ? undefined : await this.workspaces.named(caller.orgId, wanted.workspaceDir);
    const existing = await this.existing(caller, wanted, workspaceDir);
    if (existing) return existing;
    const problems = this.notAvailable(wanted);
    if (problems.length > 0) throw refused(problems);
    const sessionId = wanted.sessionId ?? `sess_${randomBytes(12).toString('hex')}`;
    const session = this.document(caller, wanted, sessionId, workspaceDir);
    await this.makeDirectory(session);
    try {
      await this.insert(caller, session);
    } catch (error) {
      const other = isDuplicateKey(error) ? await this.existing(caller, wanted, workspaceDir) : undefined;
      if (other) return other;
      throw error;
    }
    return sessionView({ session, run: undefined }, this.models.defaultName);
  }

  /** The session of that id, when it may be used for this request. @throws AppError session_id_taken */
  private async existing(caller: Caller, wanted: SessionCreate, workspaceDir: string | undefined): Promise<GatewaySessionView | undefined> {
    if (wanted.sessionId === undefined) return undefined;
    const state = await this.states.find(caller.orgId, wanted.sessionId);
    if (!state) return undefined;
    const { session } = state;
    const isSame =
      (wanted.userId === undefined || wanted.userId === session.user_id) &&
      (workspaceDir === undefined || workspaceDir === session.workspace_dir) &&
      (wanted.engine === undefined || wanted.engine === engineOf(session));
    if (!isSame) throw new AppError('session_id_taken');
    return sessionView(state, this.models.defaultName);
  }

  /** Fields that would change what happens and that this version cannot honour. */
  private notAvailable(wanted: SessionCreate): FieldProblem[] {
    const problems: FieldProblem[] = [];
    const refuse = (field: string, text: string) => void problems.push({ field, message: `${field} ${text}` });
    if (wanted.engine !== undefined && !this.engines.find(wanted.engine)) {
      refuse('engine', `"${wanted.engine}" is not available in this version; use ${this.engines.names.map((name) => `"${name}"`).join(', ')}`);
    }
    if (wanted.agentId !== undefined) refuse('agent_id', 'is not available in this version; leave it out');
    if (wanted.vpsAgent !== undefined && wanted.engine !== 'vps') refuse('vps_agent', 'goes with the engine "vps" only, which is not available in this version');
    if (wanted.model !== undefined && !this.models.names().includes(wanted.model)) {
      refuse('model', `must be a configured model: ${this.models.names().join(', ') || 'none is configured'}`);
    }
    const policy = wanted.toolPolicy;
    if (policy && (policy.default === 'ask' || Object.values(policy.tools).includes('ask'))) {
      refuse('tool_policy', 'cannot ask for approval in this version; use "auto" or "deny"');
    }
    return problems;
  }

  private document(caller: Caller, wanted: SessionCreate, sessionId: string, workspaceDir: string | undefined): SessionDocument {
    return {
      _id: randomBytes(12).toString('hex'),
      org_id: caller.orgId,
      session_id: sessionId,
      user_id: wanted.userId ?? (caller.kind === 'user' ? caller.id : 'user_gateway'),
      workspace_dir: workspaceDir ?? this.workspaces.defaultFor(caller.orgId, sessionId),
      owns_workspace: workspaceDir === undefined,
      volume_id: this.workspaces.volumeId,
      metadata_json: JSON.stringify(wanted.metadata ?? {}),
      tool_policy_json: JSON.stringify(wanted.toolPolicy ?? AUTO_POLICY),
      limits: { max_iterations: DEFAULT_RUN_LIMITS.max_iterations, ...wanted.limits },
      engine: wanted.engine ?? DEFAULT_ENGINE,
      model: wanted.model ?? null,
      created_at: new Date(this.clock.now()),
      last_run_id: null,
      usage: NO_USAGE,
      is_deleted: false,
      deleted_at: null,
      removal_by: null,
      removal_until: new Date(0),
    };
  }

  /** A directory that a deleted session of the same id left is not handed to the new one. */
  private async makeDirectory(session: SessionDocument): Promise<void> {
    const isNew = await this.workspaces.make(session.workspace_dir);
    if (isNew || !session.owns_workspace) return;
    const use = await this.sessions.directoryUse(session.org_id, session.workspace_dir);
    if (use.isUsed || !use.wasOwned) return;
    await this.workspaces.discard(session.workspace_dir);
    await this.workspaces.make(session.workspace_dir);
  }

  private async insert(caller: Caller, session: SessionDocument): Promise<void> {
    await this.changes.createIn(session.org_id, caller, 'session.create', async (transaction) => {
      await this.sessions.insert(session, transaction);
      return { value: undefined, audit: { orgId: session.org_id, target: auditTarget(session) } };
    });
  }
}

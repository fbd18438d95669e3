import { randomBytes } from 'node:crypto';
import type { GatewaySessionView, SessionCreate } from '@agentfleet/contracts';
import { NO_USAGE } from '@agentfleet/engine';
import { AppError, type FieldProblem } from '@agentfleet/errors';
import { Audit, IdentityStore, isDuplicateKey, Transactions, type Caller } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { ModelCatalog } from '../models/model-catalog';
import { throwProblems } from '../query';
import { SessionDirectory } from './session-directory';
import { SessionRepository } from './session.repository';
import type { SessionDocument } from './session.schema';
import { AUTO_POLICY, sessionView } from './session-views';
import { Workspaces } from '../workspaces/workspaces';

const DEFAULT_MAX_ITERATIONS = 25;

/** `POST /sessions`: makes a session, or finds the one that is there already. Starts nothing. */
@Injectable()
export class CreateSession {
  constructor(
    private readonly sessions: SessionRepository,
    private readonly directory: SessionDirectory,
    private readonly workspaces: Workspaces,
    private readonly models: ModelCatalog,
    private readonly transactions: Transactions,
    private readonly identity: IdentityStore,
    private readonly audit: Audit,
  ) {}

  async run(caller: Caller, wanted: SessionCreate): Promise<GatewaySessionView> {
    if (this.workspaces.volumeId === '') throw new AppError('storage_unavailable'); // still booting
    const workspaceDir = wanted.workspaceDir === undefined ? undefined : await this.workspaces.named(caller.orgId, wanted.workspaceDir);
    const existing = await this.existing(caller, wanted, workspaceDir);
    if (existing) return existing;
    throwProblems(this.notAvailable(wanted));
    const sessionId = wanted.sessionId ?? `sess_${randomBytes(12).toString('hex')}`;
    const session = this.document(caller, wanted, sessionId, workspaceDir);
    await this.makeDirectory(session);
    try {
      await this.insert(caller, session);
    } catch (error) {
      const other = isDuplicateKey(error) ? await this.existing(caller, wanted, workspaceDir) : null;
      if (other) return other;
      throw error;
    }
    return sessionView({ session, run: null }, this.models.defaultName);
  }

  /** The session of that id, when it may be used for this request. @throws AppError session_id_taken */
  private async existing(caller: Caller, wanted: SessionCreate, workspaceDir: string | undefined): Promise<GatewaySessionView | null> {
    if (wanted.sessionId === undefined) return null;
    const state = await this.directory.find(caller.orgId, wanted.sessionId);
    if (!state) return null;
    const { session } = state;
    const isSame =
      (wanted.userId === undefined || wanted.userId === session.user_id) &&
      (workspaceDir === undefined || workspaceDir === session.workspace_dir) &&
      (wanted.engine === undefined || wanted.engine === 'local');
    if (!isSame) throw new AppError('session_id_taken');
    return sessionView(state, this.models.defaultName);
  }

  /** Fields that would change what happens and that this version cannot honour. */
  private notAvailable(wanted: SessionCreate): FieldProblem[] {
    const problems: FieldProblem[] = [];
    const refuse = (field: string, text: string) => void problems.push({ field, message: `${field} ${text}` });
    if (wanted.engine !== undefined && wanted.engine !== 'local') refuse('engine', `"${wanted.engine}" is not available in this version; use "local"`);
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
      limits: { max_iterations: DEFAULT_MAX_ITERATIONS, ...wanted.limits },
      model: wanted.model ?? null,
      created_at: new Date(),
      last_run_id: null,
      usage: NO_USAGE,
      is_deleted: false,
      deleted_at: null,
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
    await this.identity.createIn(session.org_id, this.transactions, async (transaction) => {
      await this.sessions.insert(session, transaction);
      const target = { type: 'session', id: session.session_id, name: session.session_id };
      await this.audit.record(transaction, { caller, orgId: session.org_id, action: 'session.create', target });
    });
  }
}

import { randomBytes } from 'node:crypto';
import { PLATFORM_NOTICES, type AgentRevokedNotice, type AiwmSuccess } from '@agentfleet/contracts';
import { Audit, Bus, ENV, REPLICA, Transactions, validationFailed, type Caller, type PlatformEnv, type Replica, type Transaction } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { AgentDirectory } from '../agent-records/agent-directory';
import { AgentRepository } from '../agent-records/agent.repository';
import type { AgentDocument } from '../agent-records/agent.schema';
import { checkId, notFound } from '../api/ids';
import { publicUrl, type AiwmEnv } from '../env';
import { markIdempotentWork } from '../idempotency/current-claim';
import { PasswordHashes } from '../passwords/password-hashes';
import { AGENT_SECRET_ROUNDS } from '../passwords/passwords';
import { PresenceService } from '../presence/presence.service';
import { scopeOf } from '../tenancy/tenant';
import { AgentSettings } from './agent-settings';
import type { RegeneratedDto } from './agent.dto';
import { renderEnvConfig, renderInstallScript } from './environment-file';

/** Rotation of agents' secrets, with an optional overlap in which the old one still works. */
@Injectable()
export class CredentialsService {
  constructor(
    private readonly repository: AgentRepository,
    private readonly settings: AgentSettings,
    private readonly presence: PresenceService,
    private readonly directory: AgentDirectory,
    private readonly transactions: Transactions,
    private readonly audit: Audit,
    private readonly bus: Bus,
    private readonly hashes: PasswordHashes,
    @Inject(ENV) private readonly env: AiwmEnv & PlatformEnv,
    @Inject(REPLICA) private readonly replica: Replica,
  ) {}

  async regenerate(caller: Caller, id: string, overlapSeconds: number): Promise<RegeneratedDto> {
    checkId(id);
    const max = this.env.CREDENTIAL_OVERLAP_MAX_SECONDS;
    if (overlapSeconds > max) throw validationFailed([{ field: 'overlapSeconds', message: `must be a whole number from 0 to ${max}` }]);
    if (!(await this.repository.documents.find(scopeOf(caller), id))) throw notFound(); // before the costly hash
    const secret = randomBytes(32).toString('hex');
    const hash = await this.hashes.make(`caller:${caller.id}`, secret, AGENT_SECRET_ROUNDS);
    return this.transactions.run(async (transaction) => {
      const agent = await this.rotate(caller, id, hash, overlapSeconds, transaction);
      const answer = this.answer(agent, secret, overlapSeconds);
      await markIdempotentWork(transaction, answer);
      return answer;
    });
  }

  private answer(agent: AgentDocument, secret: string, overlapSeconds: number): RegeneratedDto {
    const agentId = agent._id.toHexString();
    const baseUrl = publicUrl(this.env, Number(new URL(this.replica.internalUrl).port));
    const subject = { agentId, name: agent.name, secret, baseUrl, settings: this.settings.of(agent) };
    const expiresAt = agent.previousCredential?.expiresAt;
    return {
      agentId,
      secret,
      envConfig: renderEnvConfig(subject),
      installScript: renderInstallScript(subject),
      ...(overlapSeconds > 0 && expiresAt ? { previousSecretExpiresAt: expiresAt.toISOString() } : {}),
    };
  }

  async endOverlap(caller: Caller, id: string): Promise<AiwmSuccess> {
    checkId(id);
    await this.transactions.run(async (transaction) => {
      const agent = await this.repository.endOverlap(scopeOf(caller), id, transaction);
      if (!agent) throw notFound();
      await this.finish(caller, agent, 'agent.credentials.end_overlap', transaction);
    });
    return { success: true };
  }

  private async rotate(caller: Caller, id: string, hash: string, overlapSeconds: number, transaction: Transaction): Promise<AgentDocument> {
    const before = await this.repository.documents.find(scopeOf(caller), id, transaction);
    if (!before) throw notFound();
    const now = Date.now();
    const overlaps = overlapSeconds > 0 && before.credential !== null;
    const previous = overlaps && before.credential ? { ...before.credential, expiresAt: new Date(now + overlapSeconds * 1000) } : null;
    const credential = { hash, generated: true, issuedAt: new Date(now), expiresAt: null };
    const change = { credential, previous, previousTokenVersion: overlaps ? before.tokenVersion : null };
    const agent = await this.repository.rotate(scopeOf(caller), id, change, transaction);
    if (!agent) throw notFound();
    if (!overlaps) await this.presence.forgetSecrets(id, transaction);
    await this.finish(caller, agent, 'agent.credentials.regenerate', transaction);
    return agent;
  }

  private async finish(caller: Caller, agent: AgentDocument, action: string, transaction: Transaction): Promise<void> {
    const agentId = agent._id.toHexString();
    const target = { type: 'agent', id: agentId, name: agent.name };
    await this.audit.record(transaction, { caller, orgId: agent.orgId, action, target, fields: ['credentials'] });
    transaction.afterCommit(() => {
      this.directory.forget(agentId);
      const previousValidUntil = agent.previousValidUntil?.toISOString() ?? null;
      const { orgId, tokenVersion } = agent;
      const notice: AgentRevokedNotice = { orgId, agentId, tokenVersion, previousValidUntil, reason: 'rotated', at: new Date().toISOString() };
      this.bus.notify(PLATFORM_NOTICES.agentRevoked, notice);
    });
  }
}

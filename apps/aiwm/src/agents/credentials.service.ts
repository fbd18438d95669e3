import { randomBytes } from 'node:crypto';
import type { AiwmSuccess } from '@agentfleet/contracts';
import { Changes, CLOCK, ENV, REPLICA, validationFailed, type Caller, type ChangedTarget, type Clock, type PlatformEnv, type Replica, type Transaction } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { AgentStateDirectory } from '../agent-records/agent-state-directory';
import { AgentRepository } from '../agent-records/agent.repository';
import type { AgentDocument } from '../agent-records/agent.schema';
import { checkId } from '../api/ids';
import { publicUrl, type AiwmEnv } from '../env';
import { PasswordHashes } from '../passwords/password-hashes';
import { AGENT_SECRET_ROUNDS } from '../passwords/passwords';
import { PresenceService } from '../presence/presence.service';
import { audited, scopeOf } from '../tenancy/tenant';
import { StoredSettings } from './stored-settings';
import type { RegeneratedDto } from './agent.dto';
import { renderEnvConfig, renderInstallScript } from './environment-file';

/** Rotation of agents' secrets, with an optional overlap in which the old one still works. */
@Injectable()
export class CredentialsService {
  constructor(
    private readonly repository: AgentRepository,
    private readonly settings: StoredSettings,
    private readonly presence: PresenceService,
    private readonly directory: AgentStateDirectory,
    private readonly hashes: PasswordHashes,
    private readonly changes: Changes,
    @Inject(ENV) private readonly env: AiwmEnv & PlatformEnv,
    @Inject(REPLICA) private readonly replica: Replica,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async regenerate(caller: Caller, id: string, overlapSeconds: number): Promise<RegeneratedDto> {
    checkId(id);
    const max = this.env.CREDENTIAL_OVERLAP_MAX_SECONDS;
    if (overlapSeconds > max) throw validationFailed([{ field: 'overlapSeconds', message: `must be a whole number from 0 to ${max}` }]);
    await this.repository.documents.get(scopeOf(caller), id); // before the costly hash
    const secret = randomBytes(32).toString('hex');
    const hash = await this.hashes.make(`caller:${caller.id}`, secret, AGENT_SECRET_ROUNDS);
    return this.changes.run(caller, 'agent.credentials.regenerate', async (transaction) => {
      const agent = await this.rotate(caller, id, hash, overlapSeconds, transaction);
      const value = this.answer(agent, secret, overlapSeconds);
      return { value, audit: this.rotated(agent, transaction), answer: value };
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
    return this.changes.run(caller, 'agent.credentials.end_overlap', async (transaction) => {
      const agent = await this.repository.endOverlap(scopeOf(caller), id, transaction);
      return { value: { success: true }, audit: this.rotated(agent, transaction) };
    });
  }

  private async rotate(caller: Caller, id: string, hash: string, overlapSeconds: number, transaction: Transaction): Promise<AgentDocument> {
    const before = await this.repository.documents.get(scopeOf(caller), id, transaction);
    const now = this.clock.now();
    const overlaps = overlapSeconds > 0 && before.credential !== null;
    const previous = overlaps && before.credential ? { ...before.credential, expiresAt: new Date(now + overlapSeconds * 1000) } : null;
    const credential = { hash, generated: true, issuedAt: new Date(now), expiresAt: null };
    const change = { credential, previous, previousTokenVersion: overlaps ? before.tokenVersion : null };
    const agent = await this.repository.rotate(scopeOf(caller), id, change, transaction);
    if (!overlaps) await this.presence.forgetSecrets(id, transaction);
    return agent;
  }

  /** What goes with every change of an agent's secrets. */
  private rotated(agent: AgentDocument, transaction: Transaction): ChangedTarget {
    const agentId = agent._id.toHexString();
    const { orgId, tokenVersion } = agent;
    const previousValidUntil = agent.previousValidUntil?.toISOString() ?? null;
    const at = new Date(this.clock.now()).toISOString();
    transaction.afterCommit(() => this.directory.forget(agentId));
    transaction.notify('agent.revoked', { orgId, agentId, tokenVersion, previousValidUntil, reason: 'rotated', at });
    return audited('agent', agent, ['credentials']);
  }
}

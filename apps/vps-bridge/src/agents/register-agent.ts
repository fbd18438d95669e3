import { shortened, type VpsAgentChangedNotice, type VpsRegistration } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { atNewAddress, newHealth, type HealthState } from '@agentfleet/health';
import { AddressPolicy, CLOCK, Changes, isDuplicateKey, validationFailed, type Caller, type Changed, type Clock, type Transaction } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { hostProblem } from './agent-host';
import { healthChangedNotice } from '../health-records/health-notice';
import { HealthRepository, type StoredHealth } from '../health-records/health.repository';
import { HealthWriter } from '../health-records/health-writer';
import { isSameAddress, type VpsAgent } from './agent';
import { AgentDirectory } from './agent-directory';
import { AgentRepository } from './agent.repository';

const SETTINGS: readonly (keyof VpsRegistration)[] = [
  'host',
  'port',
  'protocol',
  'timeoutSeconds',
  'maxRetries',
  'fallbackAgents',
  'api',
  'model',
  'streaming',
  'retryOn',
  'fallbackOn',
];

/** Makes, replaces and removes agents; each change is audited in its transaction, and the other replicas are notified of it. */
@Injectable()
export class RegisterAgent {
  constructor(
    private readonly agents: AgentRepository,
    private readonly health: HealthRepository,
    private readonly writer: HealthWriter,
    private readonly directory: AgentDirectory,
    private readonly policy: AddressPolicy,
    private readonly changes: Changes,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Registers an agent or replaces one of the same name as a whole; neither resolves nor contacts its host.
   * @returns the agent that was replaced, null when the name was new.
   * @throws AppError `validation_failed` for a host that must not be called.
   */
  async register(caller: Caller, registration: VpsRegistration): Promise<VpsAgent | null> {
    const problem = hostProblem(registration.host, this.policy);
    if (problem !== undefined) throw validationFailed([{ field: 'host', message: problem }]);
    await this.writer.flush(); // what was counted so far was of the agent as it is now
    for (;;) {
      try {
        return await this.changes.createIn(caller.orgId, caller, 'vps_agent.register', (tx) => this.write(tx, caller.orgId, registration));
      } catch (error) {
        if (!isDuplicateKey(error)) throw error; // somebody registered the name at the same moment: now it is there to be replaced
      }
    }
  }

  /** @throws AppError `agent_not_found` */
  async remove(caller: Caller, name: string): Promise<void> {
    const { orgId } = caller;
    await this.changes.run(caller, 'vps_agent.delete', async (tx) => {
      const agent = await this.agents.findByName(orgId, name, tx);
      if (agent === null) throw agentNotFound(name);
      await this.agents.remove(tx, agent.id);
      await this.health.remove(tx, agent.id);
      this.notify(tx, orgId, name, 'deleted');
      return { value: undefined, audit: { orgId, target: target(agent.id, name) } };
    });
  }

  /** Counters to zero, circuit closed. @throws AppError `agent_not_found` */
  async resetHealth(caller: Caller, name: string): Promise<void> {
    const { orgId } = caller;
    await this.writer.flush();
    await this.changes.run(caller, 'vps_agent.reset_health', async (tx) => {
      const record = await this.health.findByName(orgId, name, tx);
      if (record === null) throw agentNotFound(name);
      await this.overwriteHealth(tx, record, newHealth(this.clock.now()));
      this.notify(tx, orgId, name, 'reset');
      return { value: undefined, audit: { orgId, target: target(record.agentId, name) } };
    });
  }

  private async write(tx: Transaction, orgId: string, registration: VpsRegistration): Promise<Changed<VpsAgent | null>> {
    const { name } = registration;
    const now = this.clock.now();
    const existing = await this.agents.findByName(orgId, name, tx);
    const id = existing?.id ?? (await this.agents.insert(tx, orgId, registration, new Date(now)));
    if (existing === null) await this.health.create(tx, { agentId: id, orgId, name, state: newHealth(now) });
    else await this.replace(tx, existing, registration, now);
    this.notify(tx, orgId, name, existing === null ? 'registered' : 'updated');
    const action = existing === null ? 'vps_agent.register' : 'vps_agent.update';
    return { value: existing, audit: { orgId, action, target: target(id, name), fields: changedFields(existing, registration) } };
  }

  private async replace(tx: Transaction, existing: VpsAgent, registration: VpsRegistration, nowMs: number): Promise<void> {
    await this.agents.replace(tx, existing, registration, new Date(nowMs));
    if (isSameAddress(existing, registration)) return;
    const record = await this.health.findByName(existing.orgId, existing.name, tx);
    if (record !== null) await this.overwriteHealth(tx, record, atNewAddress(record.state, nowMs));
  }

  private async overwriteHealth(tx: Transaction, record: StoredHealth, state: HealthState): Promise<void> {
    await this.health.overwrite(tx, record.agentId, state);
    const notice = healthChangedNotice({ ...record, state }, record.state, this.clock.now());
    if (notice !== null) tx.notify('vps.health.changed', notice);
  }

  private notify(tx: Transaction, orgId: string, agentName: string, change: VpsAgentChangedNotice['change']): void {
    tx.afterCommit(() => this.directory.forget(orgId, agentName));
    tx.notify('vps.agent.changed', { orgId, agentName, change, at: new Date(this.clock.now()).toISOString() });
  }
}

function target(id: string, name: string) {
  return { type: 'vps_agent', id, name };
}

export function agentNotFound(name: string): AppError {
  return new AppError('agent_not_found', { message: `Agent '${shortened(name)}' not found` });
}

/** Names of the settings that the registration changes, never values. */
function changedFields(existing: VpsAgent | null, registration: VpsRegistration): readonly string[] {
  const fields = SETTINGS.filter((field) => existing === null || JSON.stringify(existing[field]) !== JSON.stringify(registration[field]));
  const tokenChanged = existing === null ? registration.authToken !== null : existing.authToken !== registration.authToken;
  return tokenChanged ? [...fields, 'authToken'] : fields;
}

import { isVpsAgentName } from '@agentfleet/contracts';
import { CLOCK, Directory, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { agentUrl } from './agent-host';
import { HealthRepository, type StoredHealth } from '../health-records/health.repository';
import type { AgentTarget } from '../vps-client/agent-request';
import { AgentRepository } from './agent.repository';
import type { VpsAgent } from './agent';

/** An agent as calls use it. `health` is replaced by whoever writes a newer state; everything else is fixed. */
export interface KnownAgent {
  readonly agent: VpsAgent;
  readonly target: AgentTarget;
  health: StoredHealth;
  /** When this replica last took over a state that it wrote or read itself. */
  learntAtMs: number;
}

/** A change on another replica is seen this soon, also without Redis. */
const MAX_AGE_MS = 1000;
/** From this age on a use fetches anew in the background, so that busy agents never wait for the database. */
const REFRESH_AGE_MS = 600;
const MAX_AGENTS = 10_000;

interface AgentName {
  readonly orgId: string;
  readonly name: string;
}

/**
 * The agents and their health as this replica knows them: at most a second old, dropped by notice, and what this replica
 * writes shows at once. Unknown names are always looked up, so that a new agent is callable everywhere immediately.
 */
@Injectable()
export class AgentDirectory {
  private readonly known = new Directory<AgentName, KnownAgent>({
    keyOf: ({ orgId, name }) => `${orgId}/${name}`,
    load: ({ orgId, name }) => this.read(orgId, name),
    maxEntries: MAX_AGENTS,
    maxAgeMs: MAX_AGE_MS,
    refreshAgeMs: REFRESH_AGE_MS,
    merge: withOwnWrite,
  });

  constructor(
    private readonly agents: AgentRepository,
    private readonly health: HealthRepository,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The agent, or undefined when none is registered under that name. */
  find(orgId: string, name: string): KnownAgent | undefined | Promise<KnownAgent | undefined> {
    return isVpsAgentName(name) ? this.known.get({ orgId, name }) : undefined;
  }

  /** Takes over a state that this replica just wrote, so that its next call sees it. */
  learn(health: StoredHealth): void {
    const known = this.known.peek(health, { allowStale: true });
    if (known === undefined || known.agent.id !== health.agentId) return;
    known.health = health;
    known.learntAtMs = this.clock.monotonicMs();
  }

  /** Drops what is known, also what is being read just now. */
  forget(orgId: string, name: string): void {
    this.known.forget({ orgId, name });
  }

  private async read(orgId: string, name: string): Promise<KnownAgent | undefined> {
    const [agent, health] = await Promise.all([this.agents.findByName(orgId, name), this.health.findByName(orgId, name)]);
    if (agent === null || health === null || health.agentId !== agent.id) return undefined;
    return { agent, health, target: targetOf(agent), learntAtMs: 0 };
  }
}

/** A read that this replica's own write overtook does not bring the older state back. */
function withOwnWrite(read: KnownAgent, before: KnownAgent | undefined, readAtMs: number): KnownAgent {
  if (before?.agent.id === read.agent.id && before.learntAtMs > readAtMs) read.health = before.health;
  return read;
}

function targetOf(agent: VpsAgent): AgentTarget {
  const { name, authToken, api, model } = agent;
  return { name, url: agentUrl(agent), authToken, api, model: model ?? name };
}

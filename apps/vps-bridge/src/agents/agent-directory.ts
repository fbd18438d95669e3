import type { HealthState } from '@agentfleet/health';
import { isVpsAgentName } from '@agentfleet/contracts';
import { CLOCK, Directory, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { agentUrl } from './agent-host';
import { HealthRepository, type StoredHealth } from '../health-records/health.repository';
import { HealthWriter } from '../health-records/health-writer';
import type { AgentTarget } from '../vps-client/agent-request';
import { AgentRepository } from './agent.repository';
import type { VpsAgent } from './agent';

/** An agent as calls use it. Its health is replaced by whoever counts an outcome or writes a newer record; everything else is fixed. */
export interface KnownAgent {
  readonly agent: VpsAgent;
  readonly target: AgentTarget;
  /** The newest record that is known here. */
  stored: StoredHealth;
  /** Its state, with what this replica has counted and not written yet. */
  health: HealthState;
  /** When this replica last took over a state that it wrote or read itself. */
  learntAtMs: number;
}

/** A change on another replica is seen this soon, also without Redis; with the moment in which outcomes wait to be written that is less than a second. */
const MAX_AGE_MS = 750;
/** From this age on a use fetches anew in the background, so that busy agents never wait for the database. */
const REFRESH_AGE_MS = 450;
const MAX_AGENTS = 10_000;

interface AgentName {
  readonly orgId: string;
  readonly name: string;
}

/**
 * The agents and their health as this replica knows them: less than a second old, dropped by notice, and what this replica
 * counts shows at once. Unknown names are always looked up, so that a new agent is callable everywhere immediately.
 */
@Injectable()
export class AgentDirectory {
  private readonly known = new Directory<AgentName, KnownAgent>({
    keyOf: ({ orgId, name }) => `${orgId}/${name}`,
    load: ({ orgId, name }) => this.read(orgId, name),
    maxEntries: MAX_AGENTS,
    maxAgeMs: MAX_AGE_MS,
    refreshAgeMs: REFRESH_AGE_MS,
    merge: (read, before, readAtMs) => this.withOwn(read, before, readAtMs),
  });

  constructor(
    private readonly agents: AgentRepository,
    private readonly health: HealthRepository,
    private readonly writer: HealthWriter,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    writer.onReplaced((stored) => this.learn(stored));
  }

  /** The agent, or undefined when none is registered under that name. */
  find(orgId: string, name: string): KnownAgent | undefined | Promise<KnownAgent | undefined> {
    return isVpsAgentName(name) ? this.known.get({ orgId, name }) : undefined;
  }

  /** The agent as it is remembered now, which may be newer than what a call holds; that itself when nothing is. */
  currentOf(known: KnownAgent): KnownAgent {
    const current = this.known.peek(known.stored, { allowStale: true });
    return current?.agent.id === known.agent.id ? current : known;
  }

  /** Takes over a record that this replica just wrote or read, so that its next call sees it. */
  learn(stored: StoredHealth): void {
    const known = this.known.peek(stored, { allowStale: true });
    if (known?.agent.id === stored.agentId && stored.version >= known.stored.version) this.learnOf(known, stored);
  }

  /** The same for an agent that a call holds. */
  learnOf(known: KnownAgent, stored: StoredHealth): void {
    known.stored = stored;
    known.health = this.writer.seenHere(stored);
    known.learntAtMs = this.clock.monotonicMs();
  }

  /** Drops what is known, also what is being read just now. */
  forget(orgId: string, name: string): void {
    this.known.forget({ orgId, name });
  }

  private async read(orgId: string, name: string): Promise<KnownAgent | undefined> {
    const [agent, health] = await Promise.all([this.agents.findByName(orgId, name), this.health.findByName(orgId, name)]);
    if (agent === null || health === null || health.agentId !== agent.id) return undefined;
    return { agent, stored: health, health: health.state, target: targetOf(agent), learntAtMs: 0 };
  }

  /** A read that this replica's own write overtook does not bring the older record back, nor does it lose what waits to be written. */
  private withOwn(read: KnownAgent, before: KnownAgent | undefined, readAtMs: number): KnownAgent {
    if (before?.agent.id === read.agent.id && before.learntAtMs > readAtMs) read.stored = before.stored;
    read.health = this.writer.seenHere(read.stored);
    return read;
  }
}

function targetOf(agent: VpsAgent): AgentTarget {
  const { name, authToken, api, model } = agent;
  return { name, url: agentUrl(agent), authToken, api, model: model ?? name };
}

import { isVpsAgentName } from '@agentfleet/contracts';
import { CLOCK, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
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

interface Entry {
  readonly known: KnownAgent;
  readonly readAtMs: number;
}

/** A change on another replica is seen this soon, also without Redis. */
const MAX_AGE_MS = 1000;
/** From this age on a use fetches anew in the background, so that busy agents never wait for the database. */
const REFRESH_AGE_MS = 600;
const MAX_AGENTS = 10_000;

/**
 * The agents and their health as this replica knows them: at most a second old, dropped by notice, and what this replica
 * writes shows at once. Unknown names are always looked up, so that a new agent is callable everywhere immediately.
 */
@Injectable()
export class AgentDirectory {
  private readonly entries = new LRUCache<string, Entry>({ max: MAX_AGENTS });
  private readonly loading = new Map<string, Promise<KnownAgent | null>>();

  constructor(
    private readonly agents: AgentRepository,
    private readonly health: HealthRepository,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The agent, or null when none is registered under that name. */
  find(orgId: string, name: string): KnownAgent | null | Promise<KnownAgent | null> {
    if (!isVpsAgentName(name)) return null;
    const key = keyOf(orgId, name);
    const entry = this.entries.get(key);
    if (entry === undefined) return this.load(orgId, name);
    const ageMs = this.clock.monotonicMs() - entry.readAtMs;
    if (ageMs >= MAX_AGE_MS) return this.load(orgId, name);
    if (ageMs >= REFRESH_AGE_MS) this.load(orgId, name).catch(() => undefined); // the next use waits for it and sees the error
    return entry.known;
  }

  /** Takes over a state that this replica just wrote, so that its next call sees it. */
  learn(health: StoredHealth): void {
    const known = this.entries.get(keyOf(health.orgId, health.name))?.known;
    if (known === undefined || known.agent.id !== health.agentId) return;
    known.health = health;
    known.learntAtMs = this.clock.monotonicMs();
  }

  /** Drops what is known, also what is being read just now. */
  forget(orgId: string, name: string): void {
    const key = keyOf(orgId, name);
    this.entries.delete(key);
    this.loading.delete(key);
  }

  private load(orgId: string, name: string): Promise<KnownAgent | null> {
    const key = keyOf(orgId, name);
    const running = this.loading.get(key);
    if (running !== undefined) return running;
    const reading = this.read(orgId, name);
    this.loading.set(key, reading);
    const startedAtMs = this.clock.monotonicMs();
    const settled = (known: KnownAgent | null) => {
      if (this.loading.get(key) !== reading) return; // forgotten meanwhile
      this.loading.delete(key);
      if (known === null) this.entries.delete(key);
      else this.remember(key, known, startedAtMs);
    };
    reading.then(settled, () => {
      if (this.loading.get(key) === reading) this.loading.delete(key);
    });
    return reading;
  }

  private remember(key: string, known: KnownAgent, readAtMs: number): void {
    const before = this.entries.get(key)?.known;
    if (before?.agent.id === known.agent.id && before.learntAtMs > readAtMs) known.health = before.health; // our own write overtook this read
    this.entries.set(key, { known, readAtMs });
  }

  private async read(orgId: string, name: string): Promise<KnownAgent | null> {
    const [agent, health] = await Promise.all([this.agents.findByName(orgId, name), this.health.findByName(orgId, name)]);
    if (agent === null || health === null || health.agentId !== agent.id) return null;
    return { agent, health, target: targetOf(agent), learntAtMs: 0 };
  }
}

function keyOf(orgId: string, name: string): string {
  return `${orgId}/${name}`;
}

function targetOf(agent: VpsAgent): AgentTarget {
  const { name, authToken, api, model } = agent;
  return { name, url: agentUrl(agent), authToken, api, model: model ?? name };
}


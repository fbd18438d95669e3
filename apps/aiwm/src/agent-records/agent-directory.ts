import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { AgentRepository, type AgentState } from './agent.repository';

const LIFE_MS = 30_000;

/** What heartbeats need of agents: cached at most 30 s, dropped at once by a change here or a notice from elsewhere. */
@Injectable()
export class AgentDirectory {
  private readonly agents = new LRUCache<string, AgentState>({ max: 20_000, ttl: LIFE_MS });
  private generation = 0;

  constructor(private readonly repository: AgentRepository) {}

  /** Deleted agents included; undefined for an id that never was. */
  async find(id: string): Promise<AgentState | undefined> {
    const cached = this.agents.get(id);
    if (cached) return cached;
    const generation = this.generation;
    const found = await this.repository.findState(id);
    if (found && generation === this.generation) this.agents.set(id, found);
    return found;
  }

  forget(id: string): void {
    this.generation++;
    this.agents.delete(id);
  }
}

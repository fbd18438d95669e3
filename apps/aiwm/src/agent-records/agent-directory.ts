import { AIWM_NOTICES, PLATFORM_NOTICES } from '@agentfleet/contracts';
import { Controller, Injectable } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { LRUCache } from 'lru-cache';
import { PresenceService } from '../presence/presence.service';
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

/** Changes that another replica made. */
@Controller()
export class AgentNoticesController {
  constructor(
    private readonly directory: AgentDirectory,
    private readonly presence: PresenceService,
  ) {}

  @EventPattern(PLATFORM_NOTICES.agentRevoked)
  revoked(@Payload() notice: unknown): void {
    this.forget(notice);
  }

  @EventPattern(AIWM_NOTICES.configurationChanged)
  changed(@Payload() notice: unknown): void {
    this.forget(notice);
  }

  /** Where another replica told of it, what this one remembers of the last heartbeat may be old. */
  @EventPattern(AIWM_NOTICES.presenceChanged)
  presenceChanged(@Payload() notice: unknown): void {
    if (typeof notice !== 'object' || notice === null || !('agentId' in notice) || !('to' in notice)) return;
    if (typeof notice.agentId === 'string' && typeof notice.to === 'string') this.presence.forgetUnless(notice.agentId, notice.to);
  }

  private forget(notice: unknown): void {
    if (typeof notice !== 'object' || notice === null || !('agentId' in notice)) return;
    if (typeof notice.agentId === 'string') this.directory.forget(notice.agentId);
  }
}

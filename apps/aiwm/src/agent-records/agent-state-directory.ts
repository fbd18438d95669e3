import { Directory } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { AgentRepository, type AgentState } from './agent.repository';

/** What heartbeats need of agents: at most 30 s old, dropped at once by a change here or a notice from elsewhere. */
@Injectable()
export class AgentStateDirectory {
  private readonly agents: Directory<{ readonly id: string }, AgentState>;

  constructor(repository: AgentRepository) {
    this.agents = new Directory({ keyOf: ({ id }) => id, load: ({ id }) => repository.findState(id), maxEntries: 20_000, maxAgeMs: 30_000 });
  }

  /** Deleted agents included; undefined for an id that never was. */
  find(id: string): AgentState | Promise<AgentState | undefined> {
    return this.agents.get({ id });
  }

  forget(id: string): void {
    this.agents.forget({ id });
  }
}

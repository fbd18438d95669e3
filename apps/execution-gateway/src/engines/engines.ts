import type { EngineName } from '@agentfleet/contracts';
import { Injectable } from '@nestjs/common';
import type { Engine } from './engine';
import { LocalEngine } from './local-engine';

/** Of sessions that name no engine. */
export const DEFAULT_ENGINE: EngineName = 'local';

/** The engines of this version. Another one is added to the list, and nothing else changes. */
@Injectable()
export class Engines {
  private readonly engines: ReadonlyMap<EngineName, Engine>;

  constructor(local: LocalEngine) {
    const all: readonly Engine[] = [local];
    this.engines = new Map(all.map((engine) => [engine.name, engine]));
  }

  find(name: EngineName): Engine | undefined {
    return this.engines.get(name);
  }

  get names(): readonly EngineName[] {
    return [...this.engines.keys()];
  }
}

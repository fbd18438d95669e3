import type { AgentMode } from './agent-health';

/** What an agent can listen to. */
export interface AgentEvents {
  /** Connected or connected anew. */
  readonly connected: { readonly configRevision: number | null };
  /** A configuration was taken over without a restart. `changedKeys`: `instruction`, `tools`, `mcpServers`, `settings.<key>`. */
  readonly configuration: { readonly changedKeys: readonly string[]; readonly previousRevision: number | null; readonly revision: number | null };
  readonly mode: { readonly from: AgentMode; readonly to: AgentMode; readonly reason: string };
  /** For good, unless it is `suspended`: then it goes on when the suspension is lifted, and `mode` and `connected` tell of that. */
  readonly stopped: { readonly reason: string; readonly suspended?: true };
}

export class EventListeners {
  private readonly listeners = new Set<(name: keyof AgentEvents, event: unknown) => void>();

  constructor(private readonly onThrow: (error: unknown) => void) {}

  /** Returns what ends the listening. */
  on<N extends keyof AgentEvents>(name: N, listener: (event: AgentEvents[N]) => void): () => void {
    const entry = (emitted: keyof AgentEvents, event: unknown) => {
      if (emitted === name && isEventOf(name, event)) listener(event);
    };
    this.listeners.add(entry);
    return () => void this.listeners.delete(entry);
  }

  /** What a listener throws must not end the client. */
  emit<N extends keyof AgentEvents>(name: N, event: AgentEvents[N]): void {
    for (const listener of [...this.listeners]) {
      try {
        listener(name, event);
      } catch (error) {
        this.onThrow(error);
      }
    }
  }
}

/** Only `emit` calls, with the event that belongs to the name. */
function isEventOf<N extends keyof AgentEvents>(_name: N, event: unknown): event is AgentEvents[N] {
  return typeof event === 'object' && event !== null;
}

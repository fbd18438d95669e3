import { isJsonObject, PLATFORM_NOTICES } from '@agentfleet/contracts';
import { Identity, Lifecycle, LOG, type Caller, type Log } from '@agentfleet/platform';
import { Controller, Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';

/** Revocation must take effect within 30 s even when no notice comes. */
const CHECK_MS = 15_000;

interface LiveConnection {
  readonly caller: Caller;
  close(): void;
}

/** Connections that stay open, by who opened them: a revoked credential closes them. */
@Injectable()
export class LiveCallers implements OnApplicationShutdown {
  private readonly connections = new Set<LiveConnection>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly identity: Identity,
    @Inject(LOG) private readonly log: Log,
    lifecycle: Lifecycle,
  ) {
    lifecycle.beforeReady('live callers', () => {
      this.timer ??= setInterval(() => void this.check(), CHECK_MS);
    });
  }

  /** Returns what is to be called when the connection is gone. */
  add(connection: LiveConnection): () => void {
    this.connections.add(connection);
    return () => void this.connections.delete(connection);
  }

  /** Closes what this user or key has open. */
  closeAll(kind: Caller['kind'], id: string): void {
    for (const connection of [...this.connections]) {
      if (connection.caller.kind === kind && connection.caller.id === id) this.close(connection);
    }
  }

  /** Looks at the keys of all connections, for notices that never came. */
  async check(): Promise<void> {
    const hashes = new Set([...this.connections].flatMap(({ caller }) => caller.keyHash ?? []));
    for (const hash of hashes) {
      try {
        if (await this.identity.isKeyStillValid(hash)) continue;
      } catch (error) {
        this.log.debug({ err: error }, 'Keys of open connections could not be checked');
        return; // storage is away: nobody is thrown out because of that
      }
      for (const connection of [...this.connections]) if (connection.caller.keyHash === hash) this.close(connection);
    }
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  private close(connection: LiveConnection): void {
    this.connections.delete(connection);
    connection.close();
  }
}

@Controller()
export class LiveCallersController {
  constructor(private readonly callers: LiveCallers) {}

  @EventPattern(PLATFORM_NOTICES.keyRevoked)
  keyRevoked(@Payload() notice: unknown): void {
    const id = isJsonObject(notice) ? notice['keyId'] : undefined;
    if (typeof id === 'string') this.callers.closeAll('key', id);
  }

  @EventPattern(PLATFORM_NOTICES.userRevoked)
  userRevoked(@Payload() notice: unknown): void {
    const id = isJsonObject(notice) ? notice['userId'] : undefined;
    if (typeof id === 'string') this.callers.closeAll('user', id);
  }
}

import { CLUSTER_CLOSE } from '@agentfleet/contracts';
import { Identity, IdentityStore, LOG, type Log } from '@agentfleet/platform';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Bindings } from '../bindings/bindings';

const CHECK_EVERY_MS = 30_000;
const SCOPE = 'cluster:register';

/** Closes sockets whose key is no longer good: at once after a notice, within 30 s without one. */
@Injectable()
export class KeyWatch implements OnApplicationShutdown {
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly bindings: Bindings,
    private readonly identity: Identity,
    private readonly store: IdentityStore,
    @Inject(LOG) private readonly log: Log,
  ) {
    this.timer = setInterval(() => void this.check(undefined), CHECK_EVERY_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** Checks the sockets of one key, or of all. A store that cannot be asked closes nothing. */
  async check(keyId: string | undefined): Promise<void> {
    if (keyId !== undefined) this.store.forgetKey(keyId);
    const verdicts = new Map<string, number | undefined>();
    try {
      for (const socket of [...this.bindings.sockets]) {
        const { context } = socket;
        if (context.keyHash === null || (keyId !== undefined && context.keyId !== keyId)) continue;
        if (!verdicts.has(context.keyHash)) verdicts.set(context.keyHash, await this.verdict(context.keyHash));
        const code = verdicts.get(context.keyHash);
        if (code !== undefined) this.bindings.close(socket, code, code === CLUSTER_CLOSE.keyInvalid ? 'key no longer valid' : 'scope removed');
      }
    } catch (error) {
      this.log.warn({ err: error }, 'Keys of open sockets could not be checked; they are checked again');
    }
  }

  private async verdict(keyHash: string): Promise<number | undefined> {
    if (!(await this.identity.isKeyStillValid(keyHash))) return CLUSTER_CLOSE.keyInvalid;
    const record = await this.store.apiKeyByHash(keyHash);
    return record && !record.scopes.includes(SCOPE) ? CLUSTER_CLOSE.scopeRemoved : undefined;
  }
}

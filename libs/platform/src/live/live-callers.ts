import type { AgentRevokedNotice, Scope } from '@agentfleet/contracts';
import { asAppError } from '../failures/as-app-error';
import { hasAnyScope, type Caller } from '../identity/caller';
import type { Identity } from '../identity/identity';
import type { IdentityStore } from '../identity/identity-store';
import { inTime } from '../in-time';
import type { Lifecycle } from '../lifecycle';
import type { Clock } from '../observe/clock';
import type { Log } from '../observe/log';

const EXPIRY_CHECK_MS = 1000;
/** Without the bus a revocation takes effect within this and the time of one look at the database: 30 s at the most. */
const SWEEP_MS = 20_000;
const CHECKED_AT_ONCE = 100;
const CHECK_LIMIT_MS = 10_000;

/**
 * `expired`: the token or key is over; `revoked`: revoked, rotated out, suspended, deleted, another password;
 * `scope`: the credential is good, but what the connection needs is not among its rights any more.
 */
export type LostRights = 'expired' | 'revoked' | 'scope';

/** An open connection and who opened it. */
export class LiveCaller {
  /** Number of the look at the credentials that the present rights are from; one that began earlier says nothing any more. */
  checkedBy = 0;

  constructor(
    /** With the rights that it has now. */
    public caller: Caller,
    readonly needs: readonly Scope[],
    readonly close: (why: LostRights) => void,
    private readonly forget: (connection: LiveCaller) => void,
  ) {}

  /** Whether the caller has one of these scopes now. */
  has(...scopes: readonly Scope[]): boolean {
    return hasAnyScope(this.caller, scopes);
  }

  /** To be called when the connection is gone. */
  remove(): void {
    this.forget(this);
  }
}

/**
 * Connections that stay open, by who opened them. They lose their rights when their caller does: at once when a notice
 * says so, within 30 s without the bus. While the database cannot be asked nobody is thrown out.
 */
export class LiveCallers {
  private readonly connections = new Set<LiveCaller>();
  private readonly toCheck = new Set<LiveCaller>();
  /** A notice said that something changed, but the database could not be asked. */
  private readonly unchecked = new Set<LiveCaller>();
  private checking: Promise<void> | undefined;
  private checks = 0;

  constructor(
    private readonly identity: Pick<Identity, 'recheck'>,
    private readonly store: Pick<IdentityStore, 'refresh'>,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly log: Log,
    lifecycle: Lifecycle,
  ) {
    lifecycle.every('expired credentials of open connections', EXPIRY_CHECK_MS, () => this.tick(), { during: 'always' });
    lifecycle.every('credentials of open connections', SWEEP_MS, () => this.sweep(), { hungAfterMs: SWEEP_MS });
  }

  /**
   * @param caller as `authenticate` gave it, not a copy
   * @param needs the connection is closed when the caller has none of these any more; empty: any genuine caller
   * @param close is called once, and never after `remove`
   */
  add(caller: Caller, needs: readonly Scope[], close: (why: LostRights) => void): LiveCaller {
    const connection = new LiveCaller(caller, needs, close, (gone) => void this.connections.delete(gone));
    this.connections.add(connection);
    // a notice may have come between the look at the credentials and this; what was cached of them is dropped then
    void this.checkSoon([connection]);
    return connection;
  }

  /** A notice said that something changed for callers like this; what was cached of them is dropped already. */
  recheck(isMeant: (caller: Caller) => boolean): Promise<void> {
    return this.checkSoon([...this.connections].filter(({ caller }) => isMeant(caller)));
  }

  /** Agents' tokens carry a version, which a rotation, a suspension and a deletion raise. */
  agentRevoked({ agentId, tokenVersion, previousValidUntil }: AgentRevokedNotice): void {
    for (const connection of [...this.connections]) {
      const { agentClaims } = connection.caller;
      if (agentClaims?.agentId !== agentId || agentClaims.tokenVersion >= tokenVersion) continue;
      const untilMs = previousValidUntil === null ? -Infinity : Date.parse(previousValidUntil);
      if (!(untilMs > this.clock.now())) this.end(connection, 'revoked');
      else connection.caller = { ...connection.caller, validUntilMs: Math.min(connection.caller.validUntilMs, untilMs) };
    }
  }

  /** Looks at all of them in the database, whatever is cached. */
  async sweep(): Promise<void> {
    const callers = [...this.connections].map(({ caller }) => caller);
    const hashes = new Set(callers.flatMap(({ keyHash }) => keyHash ?? []));
    const userIds = new Set(callers.flatMap(({ kind, id }) => (kind === 'user' ? [id] : [])));
    if (hashes.size + userIds.size === 0) return;
    await this.store.refresh([...hashes], [...userIds]);
    await this.check([...this.connections]);
  }

  /** One look at a time, however many notices come: what they mean meanwhile is looked at once more. */
  private checkSoon(connections: readonly LiveCaller[]): Promise<void> {
    for (const connection of connections) this.toCheck.add(connection);
    return (this.checking ??= this.toCheck.size === 0 ? undefined : this.checkWaiting()) ?? Promise.resolve();
  }

  private async checkWaiting(): Promise<void> {
    while (this.toCheck.size > 0) {
      const connections = [...this.toCheck];
      this.toCheck.clear();
      try {
        await inTime(this.check(connections), CHECK_LIMIT_MS);
      } catch (error) {
        if (asAppError(error)) for (const connection of connections) this.unchecked.add(connection);
        else this.log.error({ err: error }, 'Credentials of open connections could not be checked because of a bug');
      }
    }
    this.checking = undefined;
  }

  private async check(connections: readonly LiveCaller[]): Promise<void> {
    for (let at = 0; at < connections.length; at += CHECKED_AT_ONCE) {
      await Promise.all(connections.slice(at, at + CHECKED_AT_ONCE).map((connection) => this.checkOne(connection)));
    }
  }

  private async checkOne(connection: LiveCaller): Promise<void> {
    if (connection.caller.kind === 'agent') return; // only `agentRevoked` knows
    const check = ++this.checks;
    const now = await this.identity.recheck(connection.caller);
    if (check < connection.checkedBy) return;
    connection.checkedBy = check;
    if (now === undefined || now.orgId !== connection.caller.orgId) this.end(connection, this.isOver(connection) ? 'expired' : 'revoked');
    else {
      connection.caller = now;
      if (connection.needs.length > 0 && !connection.has(...connection.needs)) this.end(connection, 'scope');
    }
  }

  /** Ends what is over, and looks again at what could not be checked. */
  private tick(): void {
    for (const connection of [...this.connections]) if (this.isOver(connection)) this.end(connection, 'expired');
    const again = [...this.unchecked].filter((connection) => this.connections.has(connection));
    this.unchecked.clear();
    void this.checkSoon(again);
  }

  private isOver({ caller }: LiveCaller): boolean {
    return caller.validUntilMs <= this.clock.now();
  }

  private end(connection: LiveCaller, why: LostRights): void {
    if (!this.connections.delete(connection)) return;
    try {
      connection.close(why);
    } catch (error) {
      this.log.error({ err: error }, 'A connection that lost its rights could not be closed');
    }
  }
}

import type { AuditActor, AuditTarget } from '@agentfleet/contracts';
import type { Audit } from './audit';
import { markIdempotentWork } from './idempotency/current-claim';
import type { Caller } from './identity/caller';
import type { IdentityStore } from './identity/identity-store';
import type { Transaction, Transactions } from './mongo/transactions';

/** What the audit log says was changed. */
export interface ChangedTarget {
  /** Organization that the target belongs to. */
  readonly orgId: string;
  readonly target: AuditTarget;
  /** Names of the fields that changed, never values; default none. */
  readonly fields?: readonly string[];
  /** Where one change does several things; default the action of the whole. */
  readonly action?: string;
}

/** What a change comes to. Its audit is part of it, so that no change can forget it; an empty list says that nothing changed. */
export interface Changed<T> {
  readonly value: T;
  readonly audit: ChangedTarget | readonly ChangedTarget[];
  /** What a retry with the same `Idempotency-Key` gets; for routes that take one. */
  readonly answer?: object;
}

type Work<T> = (transaction: Transaction) => Promise<Changed<T>>;

/**
 * The one way in which a user, a key or the system changes something: one transaction with the audit records of the change;
 * `transaction.notify` and `transaction.afterCommit` (cache drops) act after the commit, and never when it fails. Conflicts are
 * tried again, so `work` may run several times. Writes that nobody asked for (heartbeats, events of a run) use `Transactions`.
 */
export class Changes {
  constructor(
    private readonly transactions: Transactions,
    private readonly audit: Audit,
    private readonly identity: IdentityStore,
  ) {}

  /** @param action such as `agent.update`. @throws what `work` throws; AppError `storage_unavailable` */
  run<T>(caller: Caller | AuditActor, action: string, work: Work<T>): Promise<T> {
    return this.transactions.run((transaction) => this.apply(transaction, caller, action, work));
  }

  /**
   * For a change that makes something of an organization: a creation and a deletion of the organization at the same time
   * exclude each other (`IdentityStore.createIn`). @throws as `run`; AppError `not_found` when the organization is gone
   */
  createIn<T>(orgId: string, caller: Caller | AuditActor, action: string, work: Work<T>): Promise<T> {
    return this.identity.createIn(orgId, this.transactions, (transaction) => this.apply(transaction, caller, action, work));
  }

  private async apply<T>(transaction: Transaction, caller: Caller | AuditActor, action: string, work: Work<T>): Promise<T> {
    const { value, audit, answer } = await work(transaction);
    for (const changed of [audit].flat()) await this.audit.record(transaction, { caller, ...changed, action: changed.action ?? action });
    if (answer !== undefined) await markIdempotentWork(transaction, answer);
    return value;
  }
}

import type { NoticeMap, NoticePattern } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { mongo, type ClientSession, type Connection } from 'mongoose';
import type { Bus, Notice } from '../bus/bus';
import type { Log } from '../observe/log';

/** One attempt of a transaction. */
export interface Transaction {
  readonly session: ClientSession;
  /** Runs after the commit, never when the transaction fails; a failure of `work` is logged, not thrown. */
  afterCommit(work: () => void | Promise<void>): void;
  /** Tells all replicas of all apps after the commit, never when the transaction fails. */
  notify<P extends NoticePattern>(pattern: P, payload: NoticeMap[P]): void;
}

/**
 * Conflicts between writers of one document are retried this long; after that the caller gets 503. A replica that was killed
 * in a transaction holds its documents until MongoDB ends it (`transactionLifetimeLimitSeconds`).
 */
const RETRY_BUDGET_MS = 10_000;
/** When MongoDB itself is away the caller must hear so within 3 s; the driver's own helper would go on for 120 s. */
const OUTAGE_BUDGET_MS = 2000;
const MAX_PAUSE_MS = 100;
const CONFLICT_RETRY_AFTER_S = 5;

function hasLabel(error: unknown, label: string): boolean {
  return error instanceof mongo.MongoError && error.hasErrorLabel(label);
}

/** Transactions with majority commit; transient conflicts are retried, so `work` may run several times. */
export class Transactions {
  constructor(
    private readonly connection: Connection,
    private readonly bus: Bus,
    private readonly log: Log,
    private readonly retryBudgetMs = RETRY_BUDGET_MS,
  ) {}

  /** @throws AppError `storage_unavailable` when others hold the same documents for longer than the budget; what `work` throws */
  async run<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    // mongoose's own would wait 10 s for a connection that is away
    const session = this.connection.getClient().startSession();
    const startedAt = performance.now();
    try {
      for (let attempt = 1; ; attempt++) {
        try {
          return await this.attempt(session, work);
        } catch (error) {
          if (!hasLabel(error, 'TransientTransactionError')) throw error;
          const network = error instanceof mongo.MongoNetworkError || error instanceof mongo.MongoServerSelectionError;
          if (performance.now() - startedAt > (network ? OUTAGE_BUDGET_MS : this.retryBudgetMs)) {
            throw network ? error : new AppError('storage_unavailable', { retryAfterSeconds: CONFLICT_RETRY_AFTER_S, cause: error });
          }
          const pauseMs = Math.random() * Math.min(MAX_PAUSE_MS, 2 ** attempt);
          await new Promise((resolve) => setTimeout(resolve, pauseMs));
        }
      }
    } finally {
      await session.endSession();
    }
  }

  private async attempt<T>(session: ClientSession, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const effects: (() => void | Promise<void>)[] = [];
    const notices: Notice[] = [];
    session.startTransaction({
      readConcern: { level: 'snapshot' },
      writeConcern: { w: 'majority', journal: true },
      readPreference: 'primary',
    });
    let result: T;
    try {
      result = await work({
        session,
        afterCommit: (effect) => void effects.push(effect),
        notify: (pattern, payload) => void notices.push({ pattern, payload }),
      });
    } catch (error) {
      await session.abortTransaction().catch(() => undefined);
      throw error;
    }
    await this.commit(session);
    this.bus.notifyAll(notices);
    for (const effect of effects) await this.runEffect(effect);
    return result;
  }

  /** A commit whose answer was lost may be sent again: the server knows whether it happened. */
  private async commit(session: ClientSession): Promise<void> {
    const startedAt = performance.now();
    for (;;) {
      try {
        return await session.commitTransaction();
      } catch (error) {
        const unknown = hasLabel(error, 'UnknownTransactionCommitResult');
        if (!unknown || performance.now() - startedAt > OUTAGE_BUDGET_MS) throw error;
      }
    }
  }

  private async runEffect(effect: () => void | Promise<void>): Promise<void> {
    try {
      await effect();
    } catch (error) {
      this.log.warn({ err: error }, 'What should follow a committed change failed');
    }
  }
}

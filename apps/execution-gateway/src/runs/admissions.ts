import { AppError } from '@agentfleet/errors';
import { CLOCK, GroupCommit, isDuplicateKey, Transactions, type Answers, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { EventBroadcast } from '../events/event-broadcast';
import { SessionRepository } from '../sessions/session.repository';
import type { SessionDocument } from '../sessions/session.schema';
import { RunRepository, type NewRun } from './run.repository';
import type { RunDocument } from './run.schema';

const MAX_GROUP = 50;
/** A group that takes longer does not hold back those behind it. */
const PATIENCE_MS = 250;
const ATTEMPTS = 4;

/** What an admission is decided on. */
export interface Found {
  readonly session: SessionDocument;
  /** The session's last run. */
  readonly last: RunDocument | undefined;
  /** The run that the same idempotency key started. */
  readonly earlier: RunDocument | undefined;
}

/** Who asks for a run. */
export interface Ask {
  readonly sessionKey: string;
  readonly idempotencyKey: string | undefined;
  /** What becomes of it; may be asked several times. @throws AppError when it is refused */
  readonly decide: (found: Found) => { readonly earlier: RunDocument } | { readonly admitted: NewRun };
}

export type Admitted =
  | { readonly earlier: RunDocument }
  /** `askedAtMs`: monotonic, before its lease began. */
  | { readonly admitted: NewRun; readonly session: SessionDocument; readonly askedAtMs: number };

interface Decided {
  readonly place: number;
  readonly found: Found;
  readonly admitted: NewRun;
}

/** Something of what an admission was decided on was no longer so. */
class Outdated extends Error {}

/**
 * Admits what is asked for at the same time in one transaction. What was looked at before it is proved in it: the session has
 * the last run that it had (one that has ended, so that nothing of it changes any more) and no run is active (unique index).
 */
@Injectable()
export class Admissions {
  private readonly groups: GroupCommit<Ask, Admitted>;

  constructor(
    private readonly sessions: SessionRepository,
    private readonly runs: RunRepository,
    private readonly broadcast: EventBroadcast,
    private readonly transactions: Transactions,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.groups = new GroupCommit<Ask, Admitted>({
      commit: async (asks, answers) => {
        await this.admit(asks.map((ask, place) => ({ ask, place })), answers, ATTEMPTS);
        return []; // each was answered
      },
      maxWeight: MAX_GROUP,
      patienceMs: PATIENCE_MS,
      gathersTurn: true,
    });
  }

  /** @throws what `decide` throws; AppError session_not_found, storage_unavailable */
  add(ask: Ask): Promise<Admitted> {
    return this.groups.add(ask);
  }

  private async admit(all: readonly { ask: Ask; place: number }[], answers: Answers<Admitted>, attempts: number): Promise<void> {
    const first = new Map(all.map((one) => [one.ask.sessionKey, one] as const).reverse()); // of several for one session the first
    const asks = all.filter((one) => first.get(one.ask.sessionKey) === one);
    await this.admitOnePerSession(asks, answers, attempts);
    const others = all.filter((one) => !asks.includes(one));
    if (others.length > 0) await this.admit(others, answers, attempts);
  }

  private async admitOnePerSession(asks: readonly { ask: Ask; place: number }[], answers: Answers<Admitted>, attempts: number): Promise<void> {
    const decided: Decided[] = [];
    const found = await this.look(asks.map(({ ask }) => ask));
    asks.forEach(({ ask, place }, at) => {
      try {
        const one = found[at];
        if (!one) throw new AppError('session_not_found');
        const decision = ask.decide(one);
        if ('earlier' in decision) answers.resolve(place, decision);
        else decided.push({ place, found: one, admitted: decision.admitted });
      } catch (error) {
        answers.reject(place, error);
      }
    });
    if (decided.length === 0) return;
    try {
      const askedAtMs = await this.write(decided);
      for (const { place, admitted, found: { session } } of decided) answers.resolve(place, { admitted, session, askedAtMs });
    } catch (error) {
      if (!(error instanceof Outdated) && !isDuplicateKey(error)) throw error;
      if (attempts === 1) throw new AppError('storage_unavailable', { retryAfterSeconds: 1, cause: error });
      // another run was admitted between our look and our write, or an executor that died left something in the way
      if (isDuplicateKey(error)) await Promise.all(decided.map(({ found: { last } }) => last && !last.active && this.runs.removeLeft(last)));
      for (const one of asks.filter(({ place }) => decided.some((again) => again.place === place))) await this.admitOnePerSession([one], answers, attempts - 1);
    }
  }

  private async look(asks: readonly Ask[]): Promise<readonly (Found | undefined)[]> {
    const sessions = new Map((await this.sessions.findAllLiving(asks.map(({ sessionKey }) => sessionKey))).map((session) => [session._id, session]));
    const keys = asks.flatMap(({ sessionKey, idempotencyKey }) => (idempotencyKey === undefined ? [] : [{ session_key: sessionKey, idempotency_key: idempotencyKey }]));
    const [lasts, earlier] = await Promise.all([this.runs.findAll([...sessions.values()].flatMap(({ last_run_id: id }) => id ?? [])), this.runs.findByKeys(keys)]);
    return asks.map(({ sessionKey, idempotencyKey }) => {
      const session = sessions.get(sessionKey);
      const isEarlier = (run: RunDocument) => idempotencyKey !== undefined && run.session_key === sessionKey && run.idempotency_key === idempotencyKey;
      return session && { session, last: lasts.find(({ _id }) => _id === session.last_run_id), earlier: earlier.find(isEarlier) };
    });
  }

  /** @returns when it was asked for. @throws Outdated, or the error of a duplicate key */
  private write(decided: readonly Decided[]): Promise<number> {
    const moves = decided.map(({ admitted: { run }, found: { session, last } }) => {
      const usage = last?.is_counted === false ? last.progress.usage : undefined;
      return { key: session._id, before: session.last_run_id, runId: run._id, usage };
    });
    return this.transactions.run(async (transaction) => {
      const askedAtMs = this.clock.monotonicMs();
      await this.runs.insert(decided.map(({ admitted }) => admitted), transaction);
      if (!(await this.sessions.setLastRuns(moves, transaction))) throw new Outdated();
      for (const { admitted } of decided) {
        const frames = admitted.events.map(({ seq, frame, type }) => ({ seq, frame, type }));
        transaction.afterCommit(() => this.broadcast.committed(admitted.run, frames));
      }
      return askedAtMs;
    });
  }
}

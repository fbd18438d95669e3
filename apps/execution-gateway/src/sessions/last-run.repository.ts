import type { GatewayRunState, RunEndReason, RunProblem } from '@agentfleet/contracts';
import type { RunProgress } from '@agentfleet/engine';
import { collection, MAJORITY } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import type { Connection } from 'mongoose';

/** What a session shows of its last run. */
export interface LastRun {
  readonly _id: string;
  readonly session_key: string;
  /** Queued, running or waiting: at most one for a session. */
  readonly active: boolean;
  readonly state: GatewayRunState;
  readonly reason: RunEndReason | null;
  readonly last_seq: number;
  /** Index of the session's next message. */
  readonly next_message_index: number;
  readonly started_at: Date | null;
  readonly progress: RunProgress;
  /** False: what it used is not in the session's usage yet; the next run adds it. Missing in runs that added it at their end. */
  readonly is_counted?: boolean;
  readonly error: RunProblem | null;
}

export const RUN_COLLECTION = 'runs';

const SHOWN = { session_key: 1, active: 1, state: 1, reason: 1, last_seq: 1, next_message_index: 1, started_at: 1, progress: 1, is_counted: 1, error: 1 } as const;

/** The sessions' view of runs, which `runs` writes. */
@Injectable()
export class LastRuns {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  async find(runId: string | null): Promise<LastRun | undefined> {
    if (runId === null) return undefined;
    return (await this.runs().findOne({ _id: runId }, { projection: SHOWN, ...MAJORITY })) ?? undefined;
  }

  findAll(runIds: readonly string[]): Promise<LastRun[]> {
    return runIds.length === 0 ? Promise.resolve([]) : this.runs().find({ _id: { $in: [...runIds] } }, { projection: SHOWN, ...MAJORITY }).toArray();
  }

  /** The last event of each of these runs, and whether it is still active. */
  ends(runIds: readonly string[]): Promise<Pick<LastRun, '_id' | 'session_key' | 'last_seq' | 'active'>[]> {
    const projection = { session_key: 1, last_seq: 1, active: 1 };
    return this.runs().find({ _id: { $in: [...runIds] } }, { projection, ...MAJORITY }).toArray();
  }

  private runs() {
    return collection<LastRun>(this.connection, RUN_COLLECTION);
  }
}

import { LOG, type Log } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { AsyncCalls } from './async/call-queue';
import { RecordWriter } from './records/record-writer';
import { RunningCalls } from './calls-in-flight';

/** Contract section 11. The app's `drainLimitMs` leaves a second for answering what still runs then. */
const PATIENCE_MS = 10_000;
const ANSWERING_MS = 700;
const POLL_MS = 20;
/** Answers are on their way to the sockets for a moment longer than their calls run. */
const SENDING_MS = 50;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** At SIGTERM running calls are finished; those that take too long are answered without their outcome. */
@Injectable()
export class DrainCalls {
  constructor(
    private readonly asyncCalls: AsyncCalls,
    private readonly running: RunningCalls,
    private readonly records: RecordWriter,
    @Inject(LOG) private readonly log: Log,
  ) {}

  async drain(): Promise<void> {
    await this.asyncCalls.stop().catch((error: unknown) => this.log.warn({ err: error }, 'Waiting calls are taken over when their leases end'));
    await this.untilIdle(PATIENCE_MS);
    if (this.running.size > 0) {
      this.log.warn({ calls: this.running.size }, 'Calls are ended without their outcome, since this replica shuts down');
      this.running.cutAll();
      await this.untilIdle(ANSWERING_MS);
      await pause(SENDING_MS);
    }
    await this.records.flush();
  }

  private async untilIdle(limitMs: number): Promise<void> {
    const endsAt = performance.now() + limitMs;
    while (this.running.size > 0 && performance.now() < endsAt) await pause(POLL_MS);
  }
}

import { availableParallelism } from 'node:os';
import { CLOCK, Lifecycle, Metrics, type Clock } from '@agentfleet/platform';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { compare, hash } from 'bcrypt';
import { FairQueue } from './fair-queue';

const MAX_WAITING = 256;

/**
 * The one place that runs bcrypt: it fills a core for a quarter of a second, so at most cores − 1 run at a time and 256 wait,
 * and those who ask take turns. `lane` says who asks: a source, see `sourceOf`, or somebody who is known; the names of users
 * and agents are the caller's choice and no lanes.
 */
@Injectable()
export class PasswordHashes implements OnModuleInit {
  private readonly queue: FairQueue;

  constructor(
    private readonly lifecycle: Lifecycle,
    metrics: Metrics,
    @Inject(CLOCK) clock: Clock,
  ) {
    this.queue = new FairQueue({ running: Math.max(1, availableParallelism() - 1), waiting: MAX_WAITING }, clock.random);
    metrics.gauge({ name: 'aiwm_secret_check_queue', help: 'Checks and hashes of passwords and secrets that wait', collect: (gauge) => gauge.set(this.queue.waiting) });
  }

  onModuleInit(): void {
    this.lifecycle.onDrain('password checks', () => this.queue.close());
  }

  /** @throws AppError `overloaded` with `Retry-After`, `draining` */
  matches(lane: string, password: string, storedHash: string): Promise<boolean> {
    return this.queue.run(lane, () => compare(password, storedHash));
  }

  /** @throws AppError `overloaded` with `Retry-After`, `draining` */
  make(lane: string, password: string, rounds: number): Promise<string> {
    return this.queue.run(lane, () => hash(password, rounds));
  }
}

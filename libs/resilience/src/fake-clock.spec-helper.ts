import type { WaitClock } from './deadline';

/** A clock that stands still until somebody sleeps. */
export class FakeClock implements WaitClock {
  readonly pauses: number[] = [];

  constructor(
    public timeMs = 1000,
    private readonly chance = 0.5,
  ) {}

  monotonicMs(): number {
    return this.timeMs;
  }

  sleep(ms: number): Promise<void> {
    this.pauses.push(ms);
    this.timeMs += ms;
    return Promise.resolve();
  }

  random(): number {
    return this.chance;
  }
}

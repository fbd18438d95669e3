/** Time and chance, handed in so that the loop can be tested without waiting. */
export interface EngineClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds of a clock that does not go back; for durations. */
  monotonicMs(): number;
  /** Rejects when the signal fires first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** 0 ≤ x < 1. */
  random(): number;
}

import { SlidingWindow } from '@agentfleet/platform';

const WINDOW_MS = 60_000;
const CONNECTION_RETRY_S = 10;

export type Admission =
  | { readonly kind: 'admitted' }
  | { readonly kind: 'refused'; readonly code: 'rate_limited' | 'connection_limit'; readonly retryAfterSeconds: number };

export interface KeyLimits {
  readonly maxConnections: number;
  readonly connectsPerMinute: number;
}

/** Open sockets and accepted upgrades of each key on this replica; refused attempts do not count. */
export class ConnectLimits {
  private readonly open = new Map<string, number>();
  private readonly accepted: SlidingWindow;

  /** @param nowMs of a clock that does not go back */
  constructor(nowMs: () => number) {
    this.accepted = new SlidingWindow(WINDOW_MS, nowMs);
  }

  /** @param takesOver the upgrade replaces an open socket of the same key, which gives its slot */
  admit(keyId: string, limits: KeyLimits, takesOver: () => boolean): Admission {
    const retryAfterSeconds = this.accepted.blockedForSeconds(keyId, limits.connectsPerMinute);
    if (retryAfterSeconds > 0) return { kind: 'refused', code: 'rate_limited', retryAfterSeconds };
    const open = this.open.get(keyId) ?? 0;
    if (open >= limits.maxConnections && !takesOver()) return { kind: 'refused', code: 'connection_limit', retryAfterSeconds: CONNECTION_RETRY_S };
    this.open.set(keyId, open + 1);
    this.accepted.add(keyId, limits.connectsPerMinute);
    return { kind: 'admitted' };
  }

  release(keyId: string): void {
    const open = (this.open.get(keyId) ?? 0) - 1;
    if (open > 0) this.open.set(keyId, open);
    else this.open.delete(keyId);
  }
}

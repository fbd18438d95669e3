const WINDOW_MS = 60_000;
const CONNECTION_RETRY_S = 10;

export type Admission =
  | { readonly kind: 'admitted' }
  | { readonly kind: 'refused'; readonly code: 'rate_limited' | 'connection_limit'; readonly retryAfterSeconds: number };

interface KeyUse {
  open: number;
  /** Times of accepted upgrades, oldest first. */
  accepted: number[];
}

export interface KeyLimits {
  readonly maxConnections: number;
  readonly connectsPerMinute: number;
}

/** Open sockets and accepted upgrades of each key on this replica; a sliding window, refused attempts do not count. */
export class ConnectLimits {
  private readonly keys = new Map<string, KeyUse>();

  /** @param takesOver the upgrade replaces an open socket of the same key, which gives its slot */
  admit(keyId: string, limits: KeyLimits, nowMs: number, takesOver: () => boolean): Admission {
    const use = this.keys.get(keyId) ?? { open: 0, accepted: [] };
    const firstInWindow = use.accepted.findIndex((at) => at > nowMs - WINDOW_MS);
    use.accepted = firstInWindow < 0 ? [] : use.accepted.slice(firstInWindow);
    if (use.accepted.length >= limits.connectsPerMinute) {
      const freeAt = (use.accepted[use.accepted.length - limits.connectsPerMinute] ?? nowMs) + WINDOW_MS;
      return { kind: 'refused', code: 'rate_limited', retryAfterSeconds: Math.max(1, Math.ceil((freeAt - nowMs) / 1000)) };
    }
    if (use.open >= limits.maxConnections && !takesOver()) {
      return { kind: 'refused', code: 'connection_limit', retryAfterSeconds: CONNECTION_RETRY_S };
    }
    use.open++;
    use.accepted.push(nowMs);
    this.keys.set(keyId, use);
    return { kind: 'admitted' };
  }

  release(keyId: string, nowMs: number): void {
    const use = this.keys.get(keyId);
    if (!use) return;
    use.open = Math.max(0, use.open - 1);
    const newest = use.accepted.at(-1) ?? 0;
    if (use.open === 0 && newest <= nowMs - WINDOW_MS) this.keys.delete(keyId);
  }
}

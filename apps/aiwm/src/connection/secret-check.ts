import { createHmac, timingSafeEqual } from 'node:crypto';
import { FieldCipher, Metrics } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Counter } from 'prom-client';
import { PasswordHashes } from '../passwords/password-hashes';

const MAX_SECRET_BYTES = 72; // bcrypt ignores the rest
const HMAC_INFO = 'agentfleet/agent-secrets';

export interface SecretQuestion {
  /** Who asks, as `Sources` says. */
  readonly source: string;
  readonly agentId: string;
  readonly secret: string;
  readonly storedHash: string;
  /** A generated secret: its success may be remembered. */
  readonly generated: boolean;
  /** What `agent_presence` remembers of earlier successes. */
  readonly remembered: readonly string[];
}

export interface SecretAnswer {
  readonly valid: boolean;
  /** To be written beside the presence: a success that was not remembered yet. */
  readonly remember: string | undefined;
}

/**
 * Checks agents' secrets: identical checks under way share one, and a success
 * with a generated secret is remembered as an HMAC over agent, secret and stored hash, so that a fleet is back in seconds
 * after a restart. Failures are never remembered.
 */
@Injectable()
export class SecretCheck {
  private readonly known = new LRUCache<string, true>({ max: 50_000 });
  private readonly underWay = new Map<string, Promise<boolean>>();
  private readonly checks: Counter<'how'>;

  constructor(
    private readonly cipher: FieldCipher,
    private readonly hashes: PasswordHashes,
    metrics: Metrics,
  ) {
    this.checks = metrics.counter({ name: 'aiwm_secret_checks_total', help: "Checks of agents' secrets", labelNames: ['how'] });
  }

  /** @throws AppError `overloaded` when too many distinct checks wait */
  async check(question: SecretQuestion): Promise<SecretAnswer> {
    if (Buffer.byteLength(question.secret) > MAX_SECRET_BYTES) return { valid: false, remember: undefined };
    const mark = this.mark(question, this.cipher.keyId);
    if (question.generated) {
      if (this.known.has(mark)) return this.answer('cached', true);
      if (question.remembered.some((entry) => this.matches(entry, question))) {
        this.known.set(mark, true);
        return this.answer('remembered', true);
      }
    }
    const shared = this.underWay.get(mark);
    if (shared) return this.answer('shared', await shared);
    const check = this.hashes.matches(`connect:${question.source}`, question.secret, question.storedHash);
    this.underWay.set(mark, check);
    try {
      const valid = await check;
      if (!valid || !question.generated) return this.answer('bcrypt', valid);
      this.known.set(mark, true);
      return { ...this.answer('bcrypt', true), remember: mark };
    } finally {
      this.underWay.delete(mark);
    }
  }

  private answer(how: string, valid: boolean): SecretAnswer {
    this.checks.inc({ how });
    return { valid, remember: undefined };
  }

  /** `keyId:hex`; a changed stored hash makes it another one. */
  private mark({ agentId, secret, storedHash }: SecretQuestion, keyId: string): string {
    const hmac = createHmac('sha256', this.cipher.derivedKey(HMAC_INFO, keyId));
    return `${keyId}:${hmac.update(JSON.stringify([agentId, secret, storedHash])).digest('hex')}`;
  }

  private matches(entry: string, question: SecretQuestion): boolean {
    const keyId = entry.slice(0, entry.indexOf(':'));
    try {
      const expected = Buffer.from(this.mark(question, keyId));
      const given = Buffer.from(entry);
      return expected.length === given.length && timingSafeEqual(expected, given);
    } catch {
      return false; // remembered under a key that is gone
    }
  }
}

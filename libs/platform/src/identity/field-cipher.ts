import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const VERSION = 'v1';

/**
 * Secrets at rest: AES-256-GCM under `SECRETS_KEY`. A record is `v1:<key id>:<nonce>:<tag>:<data>` (base64url), bound to
 * its place by `context` (such as `vps_agents.auth_token`), so that records cannot be swapped between fields.
 */
export class FieldCipher {
  private readonly keys = new Map<string, Buffer>();
  private readonly currentKeyId: string;
  /** Purposes are few and fixed. */
  private readonly derived = new Map<string, Buffer>();

  /** @param secretsKey `keyId:base64(32 bytes)`, comma list; the first encrypts, all decrypt. */
  constructor(secretsKey: string) {
    for (const entry of secretsKey.split(',')) {
      const separator = entry.indexOf(':');
      this.keys.set(entry.slice(0, separator), Buffer.from(entry.slice(separator + 1), 'base64'));
    }
    const [first] = this.keys.keys();
    if (first === undefined) throw new Error('SECRETS_KEY is empty');
    this.currentKeyId = first;
  }

  get keyId(): string {
    return this.currentKeyId;
  }

  encrypt(plain: string, context: string): string {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.key(this.currentKeyId), nonce);
    cipher.setAAD(Buffer.from(context));
    const data = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
    const parts = [nonce, cipher.getAuthTag(), data].map((part) => part.toString('base64url'));
    return [VERSION, this.currentKeyId, ...parts].join(':');
  }

  /** Throws when the record was changed, belongs elsewhere or was written under a key that is gone. */
  decrypt(stored: string, context: string): string {
    const [version, keyId = '', nonce = '', tag = '', data = ''] = stored.split(':');
    if (version !== VERSION) throw new Error('Not an encrypted record');
    const decipher = createDecipheriv('aes-256-gcm', this.key(keyId), Buffer.from(nonce, 'base64url'));
    decipher.setAAD(Buffer.from(context));
    decipher.setAuthTag(Buffer.from(tag, 'base64url'));
    return Buffer.concat([decipher.update(Buffer.from(data, 'base64url')), decipher.final()]).toString('utf8');
  }

  /** 32 bytes for another purpose, HKDF-SHA-256 with `info` (such as `agentfleet/internal`), under one of the keys. */
  derivedKey(info: string, keyId: string = this.currentKeyId): Buffer {
    const name = `${keyId}:${info}`;
    const known = this.derived.get(name);
    if (known) return known;
    const key = Buffer.from(hkdfSync('sha256', this.key(keyId), Buffer.alloc(0), info, 32));
    this.derived.set(name, key);
    return key;
  }

  private key(keyId: string): Buffer {
    const key = this.keys.get(keyId);
    if (!key) throw new Error(`SECRETS_KEY has no key "${keyId.slice(0, 32)}" any more`);
    return key;
  }
}

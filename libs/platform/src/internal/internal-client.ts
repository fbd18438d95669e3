import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Agent, type Dispatcher } from 'undici';
import { FieldCipher } from '../identity/field-cipher';
import { CLOCK, type Clock } from '../observe/clock';
import { REPLICA, type Replica } from '../replica';
import { INTERNAL_HEADER, INTERNAL_KEY_INFO, signInternal, type InternalClaims } from './claims';

/** One request to an internal route of another replica. */
export interface InternalRequest {
  /** As the replica announced it (`internalUrl`). */
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS';
  /** Below `/internal/`, as it is sent, with its query. */
  readonly path: string;
  readonly orgId: string;
  /** Who asks for it, for the records of the other side. */
  readonly caller: InternalClaims['caller'];
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer | Readable;
  /** Signs the body too, where the route asks for it; then the body is no stream. */
  readonly hashesBody?: boolean;
  readonly signal?: AbortSignal;
}

const LIFE_MS = 20_000;
const CONNECT_TIMEOUT_MS = 2000;

/**
 * Asks internal routes of other replicas, for what is too large for the bus. Bodies stream both ways: the answer's `body` is
 * read as slowly as its reader takes it, and has to be read or destroyed. How long an answer may take is the signal's to say.
 */
@Injectable()
export class InternalClient implements OnApplicationShutdown {
  // an answer may be long in coming, and may pause as long as its source does
  private readonly pool = new Agent({ connect: { timeout: CONNECT_TIMEOUT_MS }, headersTimeout: 0, bodyTimeout: 0 });

  constructor(
    private readonly cipher: FieldCipher,
    @Inject(REPLICA) private readonly replica: Replica,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws what undici throws when the other replica cannot be reached or drops the connection */
  async request(request: InternalRequest): Promise<Dispatcher.ResponseData> {
    const { url, method, path, headers, body, signal } = request;
    return this.pool.request({
      origin: url,
      method,
      path,
      headers: { ...headers, [INTERNAL_HEADER]: this.header(request) },
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.destroy();
  }

  private header({ method, path, orgId, caller, body, hashesBody = false }: InternalRequest): string {
    const claims: InternalClaims = {
      kid: this.cipher.keyId,
      orgId,
      caller,
      from: `${this.replica.app}.${this.replica.id}`,
      method,
      path,
      ...(hashesBody ? { bodySha256: hashOf(body) } : {}),
      expiresAt: new Date(this.clock.now() + LIFE_MS).toISOString(),
    };
    return signInternal(claims, this.cipher.derivedKey(INTERNAL_KEY_INFO));
  }
}

function hashOf(body: InternalRequest['body']): string {
  if (typeof body !== 'string' && !Buffer.isBuffer(body)) throw new Error('Only a whole body can be signed');
  return createHash('sha256').update(body).digest('hex');
}

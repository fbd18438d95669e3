import { createHash, randomBytes } from 'node:crypto';
import type { AiwmDeleted, AiwmPage, KeyNotice } from '@agentfleet/contracts';
import { Bus, Changes, CLOCK, IdentityStore, Leases, type Caller, type ChangedTarget, type Clock } from '@agentfleet/platform';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { ListQuery } from '../api/list-query';
import { pageWire } from '../api/pages';
import { definedOnly, sentFields } from '../api/bodies';
import { checkId, notFound } from '../api/ids';
import { scopeOf } from '../tenancy/tenant';
import { newId } from '../tenancy/tenant.schema';
import type { ApiKeyDto, CreateApiKeyDto, CreatedApiKeyDto, RotatedApiKeyDto, UpdateApiKeyDto } from './api-key.dto';
import { ApiKeyRepository, type ApiKeyChange } from './api-key.repository';
import type { ApiKeyDocument } from './api-key.schema';

const PREFIX_LENGTH = 12;
const EXPIRY_EVERY_MS = 5000;

function makeSecret(): { key: string; hash: string; prefix: string } {
  const key = `afk_${randomBytes(32).toString('base64url')}`;
  return { key, hash: createHash('sha256').update(key).digest('hex'), prefix: key.slice(0, PREFIX_LENGTH) };
}

const iso = (date: Date | null) => date?.toISOString() ?? null;

function wire(document: ApiKeyDocument): ApiKeyDto {
  return {
    _id: document._id.toHexString(),
    name: document.name,
    prefix: document.prefix,
    scopes: [...document.scopes],
    limits: { ...document.limits },
    expiresAt: iso(document.expiresAt),
    lastUsedAt: iso(document.lastUsedAt),
    createdAt: document.createdAt.toISOString(),
  };
}

function audited({ _id, orgId, name }: ApiKeyDocument, fields: readonly string[]): ChangedTarget {
  return { orgId, target: { type: 'api_key', id: _id.toHexString(), name }, fields };
}

interface KeyChange {
  readonly verb: 'update' | 'rotate' | 'delete';
  readonly notice: 'key.changed' | 'key.rotated' | 'key.revoked';
  readonly fields: readonly string[];
  /** What a retry with the same idempotency key is answered. */
  readonly answer?: object;
  readonly previousValidUntil?: string | null;
}

/** API keys: shown once, stored as hashes, verified by every app from this collection. */
@Injectable()
export class ApiKeysService implements OnModuleInit {
  constructor(
    private readonly repository: ApiKeyRepository,
    private readonly changes: Changes,
    private readonly bus: Bus,
    private readonly store: IdentityStore,
    private readonly leases: Leases,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.leases.every('aiwm.expired-keys', { periodMs: EXPIRY_EVERY_MS, leaseMs: 4 * EXPIRY_EVERY_MS }, () => this.notifyOfExpired());
  }

  async create(caller: Caller, body: CreateApiKeyDto): Promise<CreatedApiKeyDto> {
    const { key, hash, prefix } = makeSecret();
    const now = new Date(this.clock.now());
    const document: ApiKeyDocument = {
      _id: newId(),
      orgId: caller.orgId,
      name: body.name,
      hash,
      prefix,
      previousHash: null,
      previousValidUntil: null,
      scopes: [...new Set(body.scopes)],
      limits: definedOnly(body.limits ?? {}),
      expiresAt: body.expiresAt == null ? null : new Date(body.expiresAt),
      revokedAt: null,
      lastUsedAt: null,
      createdBy: caller.id,
      createdAt: now,
      updatedAt: now,
    };
    const { lastUsedAt: _unused, ...shown } = wire(document);
    const answer = { ...shown, key };
    return this.changes.createIn(document.orgId, caller, 'api_key.create', async (transaction) => {
      await this.repository.insert(document, transaction);
      return { value: answer, audit: audited(document, sentFields(body)), answer };
    });
  }

  async get(caller: Caller, id: string): Promise<ApiKeyDto> {
    const found = await this.repository.find(scopeOf(caller), checkId(id));
    if (!found) throw notFound();
    return wire(found);
  }

  async list(caller: Caller, query: ListQuery): Promise<AiwmPage<ApiKeyDto>> {
    return pageWire(await this.repository.list(scopeOf(caller), query), query, wire);
  }

  async update(caller: Caller, id: string, body: UpdateApiKeyDto): Promise<ApiKeyDto> {
    const { expiresAt, limits, ...rest } = body;
    const set = {
      ...definedOnly(rest),
      ...(expiresAt === undefined ? {} : { expiresAt: expiresAt === null ? null : new Date(expiresAt) }),
      ...(limits === undefined ? {} : { limits: definedOnly(limits) }),
    };
    return wire(await this.change(caller, id, set, { verb: 'update', notice: 'key.changed', fields: sentFields(body) }));
  }

  async rotate(caller: Caller, id: string, overlapSeconds: number): Promise<RotatedApiKeyDto> {
    const before = await this.repository.find(scopeOf(caller), checkId(id));
    if (!before) throw notFound();
    const { key, hash, prefix } = makeSecret();
    const until = overlapSeconds > 0 ? new Date(this.clock.now() + overlapSeconds * 1000) : null;
    const set = { hash, prefix, previousHash: until ? before.hash : null, previousValidUntil: until };
    const answer = { _id: id, key, prefix, previousValidUntil: iso(until) };
    const previousValidUntil = iso(until);
    await this.change(caller, id, set, { verb: 'rotate', notice: 'key.rotated', fields: ['key'], answer, previousValidUntil });
    return answer;
  }

  async revoke(caller: Caller, id: string): Promise<AiwmDeleted> {
    const revokedAt = new Date(this.clock.now());
    await this.change(caller, id, { revokedAt }, { verb: 'delete', notice: 'key.revoked', fields: [] });
    return { _id: id, deletedAt: revokedAt.toISOString(), message: 'The API key was revoked' };
  }

  /** An expired key is refused without this; the notice ends what it keeps open (sockets, event streams). */
  private async notifyOfExpired(): Promise<void> {
    for (;;) {
      const key = await this.repository.claimExpired(new Date(this.clock.now()));
      if (!key) return;
      this.store.forgetKey(key._id.toHexString());
      this.bus.notify('key.revoked', this.noticeOf(key));
    }
  }

  private async change(caller: Caller, id: string, set: ApiKeyChange, { verb, notice, fields, answer = {}, ...more }: KeyChange): Promise<ApiKeyDocument> {
    checkId(id);
    return this.changes.run(caller, `api_key.${verb}`, async (transaction) => {
      const key = await this.repository.change(scopeOf(caller), id, { ...set, updatedAt: new Date(this.clock.now()) }, transaction);
      if (!key) throw notFound();
      transaction.afterCommit(() => this.store.forgetKey(id));
      transaction.notify(notice, { ...this.noticeOf(key), ...more });
      return { value: key, audit: audited(key, fields), answer };
    });
  }

  private noticeOf(key: ApiKeyDocument): KeyNotice {
    return { orgId: key.orgId, keyId: key._id.toHexString(), at: new Date(this.clock.now()).toISOString() };
  }
}

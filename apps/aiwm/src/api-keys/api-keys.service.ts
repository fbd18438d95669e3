import { createHash, randomBytes } from 'node:crypto';
import { PLATFORM_NOTICES, type AiwmDeleted, type AiwmPage, type KeyNotice } from '@agentfleet/contracts';
import { Audit, Bus, IdentityStore, Leases, Transactions, type Caller, type Transaction } from '@agentfleet/platform';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { markIdempotentWork } from '../idempotency/current-claim';
import type { ListQuery } from '../api/list-query';
import { pageWire } from '../api/pages';
import { definedOnly } from '../api/bodies';
import { checkId, notFound } from '../api/ids';
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
const orgOf = (caller: Caller) => (caller.allOrganizations ? null : caller.orgId);

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

/** API keys: shown once, stored as hashes, verified by every app from this collection. */
@Injectable()
export class ApiKeysService implements OnModuleInit {
  constructor(
    private readonly repository: ApiKeyRepository,
    private readonly transactions: Transactions,
    private readonly audit: Audit,
    private readonly bus: Bus,
    private readonly store: IdentityStore,
    private readonly leases: Leases,
  ) {}

  onModuleInit(): void {
    this.leases.every('aiwm.expired-keys', { periodMs: EXPIRY_EVERY_MS, leaseMs: 4 * EXPIRY_EVERY_MS }, () => this.notifyOfExpired());
  }

  async create(caller: Caller, body: CreateApiKeyDto): Promise<CreatedApiKeyDto> {
    const { key, hash, prefix } = makeSecret();
    const now = new Date();
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
    await this.store.createIn(document.orgId, this.transactions, async (transaction) => {
      await this.repository.insert(document, transaction);
      await this.record(transaction, caller, 'create', document, Object.keys(definedOnly(body)));
      await markIdempotentWork(transaction, answer);
    });
    return answer;
  }

  async get(caller: Caller, id: string): Promise<ApiKeyDto> {
    const found = await this.repository.find(orgOf(caller), checkId(id));
    if (!found) throw notFound();
    return wire(found);
  }

  async list(caller: Caller, query: ListQuery): Promise<AiwmPage<ApiKeyDto>> {
    return pageWire(await this.repository.list(orgOf(caller), query), query, wire);
  }

  async update(caller: Caller, id: string, body: UpdateApiKeyDto): Promise<ApiKeyDto> {
    const { expiresAt, limits, ...rest } = body;
    const set = {
      ...definedOnly(rest),
      ...(expiresAt === undefined ? {} : { expiresAt: expiresAt === null ? null : new Date(expiresAt) }),
      ...(limits === undefined ? {} : { limits: definedOnly(limits) }),
    };
    const after = await this.change(caller, id, set, 'update', Object.keys(definedOnly(body)));
    this.announce(PLATFORM_NOTICES.keyChanged, after);
    return wire(after);
  }

  async rotate(caller: Caller, id: string, overlapSeconds: number): Promise<RotatedApiKeyDto> {
    const before = await this.repository.find(orgOf(caller), checkId(id));
    if (!before) throw notFound();
    const { key, hash, prefix } = makeSecret();
    const until = overlapSeconds > 0 ? new Date(Date.now() + overlapSeconds * 1000) : null;
    const set = { hash, prefix, previousHash: until ? before.hash : null, previousValidUntil: until };
    const answer = { _id: id, key, prefix, previousValidUntil: iso(until) };
    const after = await this.change(caller, id, set, 'rotate', ['key'], answer);
    this.announce(PLATFORM_NOTICES.keyRotated, after, { previousValidUntil: iso(until) });
    return answer;
  }

  async revoke(caller: Caller, id: string): Promise<AiwmDeleted> {
    const revokedAt = new Date();
    const after = await this.change(caller, id, { revokedAt }, 'delete', []);
    this.announce(PLATFORM_NOTICES.keyRevoked, after);
    return { _id: id, deletedAt: revokedAt.toISOString(), message: 'The API key was revoked' };
  }

  /** An expired key is refused without this; the notice ends what it keeps open (sockets, event streams). */
  private async notifyOfExpired(): Promise<void> {
    for (;;) {
      const key = await this.repository.claimExpired(new Date());
      if (!key) return;
      this.announce(PLATFORM_NOTICES.keyRevoked, key);
    }
  }

  private change(caller: Caller, id: string, set: ApiKeyChange, verb: string, fields: readonly string[], answer: object = {}): Promise<ApiKeyDocument> {
    checkId(id);
    return this.transactions.run(async (transaction) => {
      const after = await this.repository.change(orgOf(caller), id, set, transaction);
      if (!after) throw notFound();
      await this.record(transaction, caller, verb, after, fields);
      await markIdempotentWork(transaction, answer);
      return after;
    });
  }

  private announce(pattern: 'key.revoked' | 'key.rotated' | 'key.changed', key: ApiKeyDocument, more: Pick<KeyNotice, 'previousValidUntil'> = {}): void {
    const keyId = key._id.toHexString();
    this.store.forgetKey(keyId);
    const notice: KeyNotice = { orgId: key.orgId, keyId, ...more, at: new Date().toISOString() };
    this.bus.notify(pattern, notice);
  }

  private record(transaction: Transaction, caller: Caller, verb: string, key: ApiKeyDocument, fields: readonly string[]): Promise<void> {
    const target = { type: 'api_key', id: key._id.toHexString(), name: key.name };
    return this.audit.record(transaction, { caller, orgId: key.orgId, action: `api_key.${verb}`, target, fields });
  }
}

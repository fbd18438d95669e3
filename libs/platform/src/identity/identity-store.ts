import { createPublicKey, type KeyObject } from 'node:crypto';
import { DEFAULT_ORGANIZATION_ID, type ApiKeyRecord, type SigningKeyRecord, type UserRecord } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { LRUCache } from 'lru-cache';
import { Types, type Connection } from 'mongoose';
import { isStorageUnavailable } from '../failures/mongo-errors';
import { collection } from '../mongo/collection';
import type { Transaction, Transactions } from '../mongo/transactions';

/** Revocation reaches every replica within this time even when no notice does. */
const CACHE_LIFE_MS = 30_000;
const UNKNOWN_KID_RELOAD_MS = 5000;
const MAX_ENTRIES = 10_000;
/** Creations in one organization that wait longer for those before them are refused: more of them would only make it worse. */
const TURN_MS = 10_000;
const TURN_RETRY_AFTER_S = 5;
const REFRESHED_AT_ONCE = 1000;

type TurnEnd = 'over' | 'storage away';

/** @throws AppError `storage_unavailable`: at once when those before hear so, since each try of its own takes seconds */
async function waitForTurn(before: Promise<TurnEnd>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<'too long'>((resolve) => (timer = setTimeout(resolve, TURN_MS, 'too long')));
  const end = await Promise.race([before, tooLong]);
  clearTimeout(timer);
  if (end !== 'over') throw new AppError('storage_unavailable', { retryAfterSeconds: TURN_RETRY_AFTER_S });
}

export interface ApiKeyWithId extends ApiKeyRecord {
  readonly id: string;
  /** The generation that it was read in. */
  readonly generation: number;
}

/**
 * What identity is decided by, read from the collections that AIWM writes and cached for at most 30 s. Notices drop
 * entries at once. Unknown keys and users are never cached: a new key works at once.
 */
export class IdentityStore {
  private readonly keys = new LRUCache<string, ApiKeyWithId>({ max: MAX_ENTRIES, ttl: CACHE_LIFE_MS });
  /** Keys are found by their hashes but dropped by their id: the generation from which on a record of it counts again. */
  private readonly forgottenKeys = new LRUCache<string, number>({ max: MAX_ENTRIES, ttl: CACHE_LIFE_MS });
  /** Under way: a fleet with one key that comes back at once asks for it thousands of times before the first answer. */
  private readonly keyReads = new Map<string, { readonly generation: number; readonly read: Promise<ApiKeyWithId | undefined> }>();
  private readonly users = new LRUCache<string, UserRecord>({ max: MAX_ENTRIES, ttl: CACHE_LIFE_MS });
  private readonly organizations = new LRUCache<string, true>({ max: 1000, ttl: CACHE_LIFE_MS });
  private signingKeys = new Map<string, KeyObject>();
  private signingKeysAt = -Infinity;
  /** The end of the newest creation in each organization. */
  private readonly turns = new Map<string, Promise<TurnEnd>>();
  private loadingSigningKeys: Promise<void> | undefined;
  /** Counts drops: a read that began before a notice must not put the old record back. */
  private generation = 0;

  constructor(private readonly connection: Connection) {}

  async apiKeyByHash(hash: string): Promise<ApiKeyWithId | undefined> {
    const cached = this.keys.get(hash);
    if (cached && cached.generation >= (this.forgottenKeys.get(cached.id) ?? 0)) return cached;
    const shared = this.keyReads.get(hash);
    // one that found nothing says nothing to who asked later: the key may have been made since
    const known = shared?.generation === this.generation ? await shared.read : undefined;
    if (known) return known;
    const { generation } = this;
    const read = this.readKey(hash, generation);
    this.keyReads.set(hash, { generation, read });
    try {
      return await read;
    } finally {
      if (this.keyReads.get(hash)?.read === read) this.keyReads.delete(hash);
    }
  }

  private async readKey(hash: string, generation: number): Promise<ApiKeyWithId | undefined> {
    const found = await this.apiKeys().findOne({ $or: [{ hash }, { previousHash: hash }] });
    if (!found) return undefined;
    const record = { ...found, id: found._id.toHexString(), generation };
    if (generation === this.generation) this.keys.set(hash, record);
    return record;
  }

  async userById(id: string): Promise<UserRecord | undefined> {
    const cached = this.users.get(id);
    if (cached) return cached;
    if (!Types.ObjectId.isValid(id)) return undefined;
    const generation = this.generation;
    const found = await this.userRecords().findOne({ _id: new Types.ObjectId(id) }, { projection: { passwordHash: 0 } });
    if (!found) return undefined;
    if (generation === this.generation) this.users.set(id, found);
    return found;
  }

  async organizationExists(id: string): Promise<boolean> {
    if (this.organizations.has(id)) return true;
    const { generation } = this;
    const found = await collection<{ _id: Types.ObjectId }>(this.connection, 'organizations')
      .findOne({ _id: new Types.ObjectId(id) }, { projection: { _id: 1 } });
    if (found && generation === this.generation) this.organizations.set(id, true);
    return found !== null;
  }

  /**
   * Runs a transaction that creates something of an organization. Both this and a deletion of the organization write its
   * record, so that of two at the same time the later one sees what the other did: the creation fails, or the deletion finds
   * the organization in use. Creations of this replica take turns, since they would only make each other try again. The
   * default organization cannot be deleted and is not held.
   * @throws AppError `not_found` when the organization is gone; what the transaction throws
   */
  async createIn<T>(orgId: string, transactions: Transactions, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    if (orgId === DEFAULT_ORGANIZATION_ID) return transactions.run(work);
    return this.inTurn(orgId, () =>
      transactions.run(async (transaction) => {
        const result = await work(transaction);
        await this.holdOrganization(orgId, transaction); // last: until the commit no other replica can hold it
        return result;
      }),
    );
  }

  private async inTurn<T>(orgId: string, work: () => Promise<T>): Promise<T> {
    const before = this.turns.get(orgId);
    let finish: (end: TurnEnd) => void = () => undefined;
    const mine = new Promise<TurnEnd>((resolve) => (finish = resolve));
    this.turns.set(orgId, mine);
    let end: TurnEnd = 'over';
    try {
      if (before) await waitForTurn(before);
      return await work();
    } catch (error) {
      const isAway = isStorageUnavailable(error) || (error instanceof AppError && error.code === 'storage_unavailable');
      if (isAway) end = 'storage away';
      throw error;
    } finally {
      if (this.turns.get(orgId) === mine) this.turns.delete(orgId);
      finish(end);
    }
  }

  private async holdOrganization(id: string, { session }: Transaction): Promise<void> {
    const { matchedCount } = await collection<{ _id: Types.ObjectId; creations: number }>(this.connection, 'organizations')
      .updateOne({ _id: new Types.ObjectId(id) }, { $inc: { creations: 1 } }, { session });
    if (matchedCount === 0) throw new AppError('not_found', { message: 'Organization not found' });
  }

  /** Reads keys and users anew, many at once, for connections that stay open while no notice can come. */
  async refresh(hashes: readonly string[], userIds: readonly string[]): Promise<void> {
    for (let at = 0; at < hashes.length; at += REFRESHED_AT_ONCE) await this.refreshKeys(hashes.slice(at, at + REFRESHED_AT_ONCE));
    for (let at = 0; at < userIds.length; at += REFRESHED_AT_ONCE) await this.refreshUsers(userIds.slice(at, at + REFRESHED_AT_ONCE));
    this.organizations.clear();
  }

  private async refreshKeys(hashes: readonly string[]): Promise<void> {
    const { generation } = this;
    const found = await this.apiKeys().find({ $or: [{ hash: { $in: [...hashes] } }, { previousHash: { $in: [...hashes] } }] }).toArray();
    if (generation !== this.generation) return; // a notice came meanwhile and knows better
    const records = new Map(found.flatMap((key) => [[key.previousHash ?? '', key] as const, [key.hash, key] as const]));
    for (const hash of hashes) {
      const record = records.get(hash);
      if (record) this.keys.set(hash, { ...record, id: record._id.toHexString(), generation });
      else this.keys.delete(hash);
    }
  }

  private async refreshUsers(ids: readonly string[]): Promise<void> {
    const { generation } = this;
    const found = await this.userRecords().find({ _id: { $in: ids.map((id) => new Types.ObjectId(id)) } }, { projection: { passwordHash: 0 } }).toArray();
    if (generation !== this.generation) return;
    const records = new Map(found.map((user) => [user._id.toHexString(), user]));
    for (const id of ids) {
      const record = records.get(id);
      if (record) this.users.set(id, record);
      else this.users.delete(id);
    }
  }

  private apiKeys() {
    return collection<ApiKeyRecord & { _id: Types.ObjectId }>(this.connection, 'api_keys');
  }

  private userRecords() {
    return collection<UserRecord & { _id: Types.ObjectId }>(this.connection, 'users');
  }

  /** The public key of a `kid`; an unknown one first reloads the collection, at most every 5 s. */
  async signingKey(kid: string): Promise<KeyObject | undefined> {
    const age = performance.now() - this.signingKeysAt;
    const known = this.signingKeys.get(kid);
    if (known && age < CACHE_LIFE_MS) return known;
    if (age >= UNKNOWN_KID_RELOAD_MS) await this.loadSigningKeys();
    return this.signingKeys.get(kid);
  }

  forgetKey(keyId: string): void {
    this.forgottenKeys.set(keyId, ++this.generation);
  }

  forgetUser(userId: string): void {
    this.generation++;
    this.users.delete(userId);
  }

  forgetOrganization(id: string): void {
    this.generation++;
    this.organizations.delete(id);
  }

  forgetSigningKeys(): void {
    this.signingKeysAt = -Infinity;
  }

  private loadSigningKeys(): Promise<void> {
    this.loadingSigningKeys ??= this.readSigningKeys().finally(() => (this.loadingSigningKeys = undefined));
    return this.loadingSigningKeys;
  }

  private async readSigningKeys(): Promise<void> {
    const records = await collection<SigningKeyRecord & { _id: string }>(this.connection, 'signing_keys')
      .find({ $or: [{ validUntil: null }, { validUntil: { $gt: new Date() } }] })
      .toArray();
    const keys = new Map<string, KeyObject>();
    for (const record of records) keys.set(record._id, createPublicKey({ key: { ...record.publicJwk }, format: 'jwk' }));
    this.signingKeys = keys;
    this.signingKeysAt = performance.now();
  }
}

import type { JsonObject } from '@agentfleet/contracts';
import { collection, isDuplicateKey, refusedOperations, type Transaction } from '@agentfleet/platform';
import type { Session } from '@agentfleet/sessions';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import { Types, type Connection, type mongo } from 'mongoose';
import { readMetadata, storeMetadata, type StoredMetadata } from './metadata';
import type { SessionPosition } from './session-position';
import type { MessageDocument, SessionDocument } from './session.schema';

export interface StoredSession extends Session {
  readonly key: string;
  readonly orgId: string;
  readonly metadata: JsonObject;
}

export interface ListedSession extends StoredSession {
  /** Its place in the list. */
  readonly listedAtMs: number;
}

/** What the messages of some calls change about their session. */
export interface SessionActivity {
  readonly key: string;
  readonly lastActivityMs: number;
  readonly lastSeq: number;
  /** Merged key by key at the top level, in this order. */
  readonly metadata: readonly JsonObject[];
}

export interface ActivityResult {
  /** Sessions that are gone. */
  readonly missing: ReadonlySet<string>;
  /** Sessions whose change MongoDB refused (such as metadata beyond a document's size). */
  readonly refused: ReadonlySet<string>;
}

/** A session by its names: the caller's and our own. */
export interface SessionName {
  readonly key: string;
  readonly orgId: string;
  readonly sessionId: string;
}

export interface NewSession extends SessionName {
  readonly userId: string;
  readonly createdAtMs: number;
  readonly lastActivityMs: number;
  readonly metadata: JsonObject;
  readonly lastSeq: number;
}

export interface SessionPage {
  readonly userId: string | undefined;
  readonly activeSince: Date | undefined;
  /** The last session of the page before. */
  readonly after: SessionPosition | undefined;
  readonly limit: number;
}

interface SessionWithNewest extends SessionDocument {
  /** None or one. */
  readonly newest: readonly Pick<MessageDocument, 'seq' | 'timestamp'>[];
}

const ID = (key: string) => new Types.ObjectId(key);

@Injectable()
export class SessionRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  private get collection() {
    return collection<SessionDocument>(this.connection, 'vps_sessions');
  }

  async find(orgId: string, sessionId: string): Promise<StoredSession | null> {
    const [document] = await this.withNewest({ orgId, sessionId }).toArray();
    return document === undefined ? null : toCurrent(document);
  }

  /** What a call needs of it. */
  async findOwner(orgId: string, sessionId: string): Promise<Pick<StoredSession, 'key' | 'userId' | 'lastActivityMs'> | null> {
    const document = await this.collection.findOne({ orgId, sessionId }, { projection: { userId: 1, lastActivity: 1 } });
    return document === null ? null : { key: document._id.toHexString(), userId: document.userId, lastActivityMs: document.lastActivity.getTime() };
  }

  async readStoredMetadata(key: string): Promise<StoredMetadata> {
    const document = await this.collection.findOne({ _id: ID(key) }, { projection: { metadata: 1 } });
    return document?.metadata ?? {};
  }

  /** @returns the new session's key, or null when another call made the session meanwhile. */
  async create(orgId: string, sessionId: string, userId: string, now: Date): Promise<string | null> {
    const _id = new Types.ObjectId();
    try {
      await this.collection.insertOne({ _id, orgId, sessionId, userId, createdAt: now, lastActivity: now, metadata: {}, lastSeq: 0 });
      return _id.toHexString();
    } catch (error) {
      if (isDuplicateKey(error)) return null;
      throw error;
    }
  }

  /** One write for the sessions of many calls; only sessions that still live are touched. */
  async applyActivity(activities: readonly SessionActivity[]): Promise<ActivityResult> {
    if (activities.length === 0) return { missing: new Set(), refused: new Set() };
    const operations = activities.map((activity): mongo.AnyBulkWriteOperation<SessionDocument> => ({
      updateOne: { filter: { _id: ID(activity.key) }, update: activityUpdate(activity) },
    }));
    const refused = new Set<string>();
    let matched: number;
    try {
      matched = (await this.collection.bulkWrite(operations, { ordered: false })).matchedCount;
    } catch (error) {
      for (const { index } of refusedOperations(error)) refused.add(activities[index]?.key ?? '');
      matched = -1;
    }
    if (matched === activities.length) return { missing: new Set(), refused };
    return { missing: await this.missingOf(activities.map(({ key }) => key)), refused };
  }

  /** By the documents, which may lag; what is shown of each session is as it is now. */
  async list(orgId: string, { userId, activeSince, after, limit }: SessionPage): Promise<readonly ListedSession[]> {
    const filter = {
      orgId,
      ...(userId === undefined ? {} : { userId }),
      ...(activeSince === undefined ? {} : { lastActivity: { $gte: activeSince } }),
      ...(after === undefined ? {} : { $or: [{ lastActivity: { $lt: after.lastActivity } }, { lastActivity: after.lastActivity, _id: { $lt: ID(after.key) } }] }),
    };
    const documents = await this.withNewest(filter, [{ $sort: { lastActivity: -1, _id: -1 } }, { $limit: limit }]).toArray();
    return documents.map((document) => ({ ...toCurrent(document), listedAtMs: document.lastActivity.getTime() }));
  }

  count(orgId: string): Promise<number> {
    return this.collection.countDocuments({ orgId });
  }

  /** Of all organizations; quick and exact enough for a gauge. */
  estimateAll(): Promise<number> {
    return this.collection.estimatedDocumentCount();
  }

  /** @returns the key of the session that was removed, or null when there was none. */
  async remove(tx: Transaction, orgId: string, sessionId: string): Promise<string | null> {
    const document = await this.collection.findOneAndDelete({ orgId, sessionId }, { session: tx.session });
    return document === null ? null : document._id.toHexString();
  }

  async insert(tx: Transaction, session: NewSession): Promise<void> {
    const { key, orgId, sessionId, userId, createdAtMs, lastActivityMs, metadata, lastSeq } = session;
    const times = { createdAt: new Date(createdAtMs), lastActivity: new Date(lastActivityMs) };
    await this.collection.insertOne({ _id: ID(key), orgId, sessionId, userId, ...times, metadata: storeMetadata(metadata), lastSeq }, { session: tx.session });
  }

  /** All sessions of an organization, or of one of its users, one after the other. */
  async *stream(orgId: string, userId: string | undefined): AsyncGenerator<StoredSession> {
    const found = this.withNewest({ orgId, ...(userId === undefined ? {} : { userId }) }, [{ $sort: { _id: 1 } }]).batchSize(100);
    for await (const document of found) yield toCurrent(document);
  }

  async listOld(orgId: string | null, before: Date, limit: number): Promise<readonly SessionName[]> {
    const filter = { ...(orgId === null ? {} : { orgId }), lastActivity: { $lt: before } };
    const documents = await this.collection.find(filter, { projection: { orgId: 1, sessionId: 1 } }).limit(limit).toArray();
    return documents.map(toName);
  }

  /** Of these sessions those whose messages are newer than their documents say: what a replica that was killed did not write any more. */
  async listLagging(keys: readonly string[]): Promise<readonly SessionActivity[]> {
    const documents = await this.withNewest({ _id: { $in: keys.map(ID) } }).toArray();
    return documents.filter(lags).map(toCurrent).map(({ key, lastActivityMs, totalMessages }) => ({ key, lastActivityMs, lastSeq: totalMessages, metadata: [] }));
  }

  /** Removes those that are still unused; @returns which. */
  async removeOld(tx: Transaction, keys: readonly string[], before: Date): Promise<readonly SessionName[]> {
    const filter = { _id: { $in: keys.map(ID) }, lastActivity: { $lt: before } };
    const documents = await this.collection.find(filter, { projection: { orgId: 1, sessionId: 1 }, session: tx.session }).toArray();
    await this.collection.deleteMany(filter, { session: tx.session });
    return documents.map(toName);
  }

  /** Documents with the newest message beside each. */
  private withNewest(filter: mongo.Filter<SessionDocument>, choice: readonly mongo.Document[] = []): mongo.AggregationCursor<SessionWithNewest> {
    const newest = [{ $sort: { seq: -1 } }, { $limit: 1 }, { $project: { _id: 0, seq: 1, timestamp: 1 } }];
    const lookup = { from: 'vps_messages', localField: '_id', foreignField: 'sessionKey', pipeline: newest, as: 'newest' };
    return this.collection.aggregate<SessionWithNewest>([{ $match: filter }, ...choice, { $lookup: lookup }]);
  }

  private async missingOf(keys: readonly string[]): Promise<ReadonlySet<string>> {
    const found = await this.collection.find({ _id: { $in: keys.map(ID) } }, { projection: { _id: 1 } }).toArray();
    const live = new Set(found.map(({ _id }) => _id.toHexString()));
    return new Set(keys.filter((key) => !live.has(key)));
  }
}

/** `$literal` keeps values that look like expressions; a pipeline merges keys whatever they are called. */
function activityUpdate({ lastActivityMs, lastSeq, metadata }: SessionActivity): mongo.UpdateFilter<SessionDocument> | mongo.Document[] {
  const lastActivity = new Date(lastActivityMs);
  if (metadata.length === 0) return { $max: { lastActivity, lastSeq } };
  const merged = { $mergeObjects: ['$metadata', ...metadata.map((patch) => ({ $literal: storeMetadata(patch) }))] };
  return [{ $set: { lastActivity: { $max: ['$lastActivity', lastActivity] }, lastSeq: { $max: ['$lastSeq', lastSeq] }, metadata: merged } }];
}

function toName({ _id, orgId, sessionId }: Pick<SessionDocument, '_id' | 'orgId' | 'sessionId'>): SessionName {
  return { key: _id.toHexString(), orgId, sessionId };
}

/** Messages are stored before the document of their session, which may lag. */
function lags({ lastSeq, newest: [newest] }: SessionWithNewest): boolean {
  return newest !== undefined && newest.seq > lastSeq;
}

function toCurrent(document: SessionWithNewest): StoredSession {
  const session = toSession(document);
  const [newest] = document.newest;
  if (newest === undefined || !lags(document)) return session;
  return { ...session, lastActivityMs: Math.max(session.lastActivityMs, newest.timestamp.getTime()), totalMessages: newest.seq };
}

function toSession(document: SessionDocument): StoredSession {
  return {
    key: document._id.toHexString(),
    orgId: document.orgId,
    sessionId: document.sessionId,
    userId: document.userId,
    createdAtMs: document.createdAt.getTime(),
    lastActivityMs: document.lastActivity.getTime(),
    metadata: readMetadata(document.metadata),
    totalMessages: document.lastSeq,
  };
}

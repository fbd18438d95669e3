import * as os from 'node:os';
import { createConnection, type Connection } from 'mongoose';
import { isDuplicateKey } from '../failures/mongo-errors';
import type { Lifecycle } from '../lifecycle';
import type { Log } from '../observe/log';
import { collection } from './collection';

/** Requests fail with 503 within 3 s while MongoDB is away. */
const SELECTION_TIMEOUT_MS = 2000;
const RETRY_MS = 500;
const INDEX_LOCK_MS = 60_000;

/** The connection to MongoDB: opened in the background, so that an app boots without it and recovers by itself. */
export class Database {
  readonly connection: Connection;
  private closed = false;
  private up = false;
  private opening: Promise<void> | undefined;

  constructor(
    private readonly uri: string,
    private readonly log: Log,
    private readonly app: string,
  ) {
    this.connection = createConnection();
    this.connection.set('autoIndex', false);
    this.connection.set('autoCreate', false);
  }

  get isUp(): boolean {
    return this.up;
  }

  /** True once there was a first connection: from then on the driver itself says when MongoDB is away. */
  get wasOpened(): boolean {
    return Boolean(this.connection.db);
  }

  /** The database's name; it prefixes every key and channel in Redis. */
  static nameOf(uri: string): string {
    const path = /^mongodb(?:\+srv)?:\/\/[^/]+\/([^?]*)/.exec(uri)?.[1];
    return path ? decodeURIComponent(path) : 'agentfleet';
  }

  /** Tries to connect until it works or the app closes; then creates indexes and runs the lifecycle's tasks. */
  openInBackground(lifecycle: Lifecycle): void {
    this.opening = this.openUntilDone(lifecycle).catch((error: unknown) => {
      if (!this.closed) this.log.error({ err: error }, 'Opening MongoDB failed for good');
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.connection.close(true).catch(() => undefined);
    await this.opening;
  }

  private async openUntilDone(lifecycle: Lifecycle): Promise<void> {
    for (let attempt = 1; !this.closed; attempt++) {
      try {
        await this.connection.openUri(this.uri, {
          dbName: Database.nameOf(this.uri),
          serverSelectionTimeoutMS: SELECTION_TIMEOUT_MS,
          heartbeatFrequencyMS: 1000,
          connectTimeoutMS: 5000,
          socketTimeoutMS: 30_000,
          maxPoolSize: 50,
          writeConcern: { w: 'majority', journal: true },
          appName: this.app,
          runtimeAdapters: { os }, // the driver would import() it, which Jest refuses
        });
        break;
      } catch (error) {
        if (this.closed) return;
        if (attempt % 10 === 1) this.log.warn({ err: error }, 'MongoDB does not answer; the app waits for it');
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    if (this.closed) return;
    this.watchTopology();
    lifecycle.beforeReady('indexes', () => this.createIndexes());
    await lifecycle.becomeReady();
  }

  private watchTopology(): void {
    this.up = true;
    const client = this.connection.getClient();
    client.on('topologyDescriptionChanged', (event) => {
      const writable = [...event.newDescription.servers.values()].some(
        (server) => server.type === 'RSPrimary' || server.type === 'Standalone' || server.type === 'Mongos',
      );
      if (writable === this.up) return;
      this.up = writable;
      if (writable) this.log.info('MongoDB is back');
      else if (!this.closed) this.log.warn('MongoDB is away');
    });
  }

  /** Most boots find everything there, and need no lock: one that a killed replica held would keep them for a minute. */
  private async createIndexes(): Promise<void> {
    if (await this.isComplete()) return;
    await this.underLock(async () => {
      for (const model of Object.values(this.connection.models)) await model.createCollection();
      for (const model of Object.values(this.connection.models)) await model.createIndexes();
    });
  }

  private async isComplete(): Promise<boolean> {
    const models = Object.values(this.connection.models);
    const [collections, differences] = await Promise.all([this.connection.listCollections(), Promise.all(models.map((model) => model.diffIndexes()))]);
    const names = new Set(collections.map(({ name }) => name));
    return models.every((model) => names.has(model.collection.collectionName)) && differences.every(({ toCreate }) => toCreate.length === 0);
  }

  /** Two replicas that boot together would otherwise build the same index twice and collide. */
  private async underLock(work: () => Promise<void>): Promise<void> {
    const locks = collection<{ _id: string; until: Date }>(this.connection, 'locks');
    const name = `indexes:${this.app}`;
    await locks.insertOne({ _id: name, until: new Date(0) }).catch((error: unknown) => {
      if (!isDuplicateKey(error)) throw error;
    });
    for (;;) {
      const isFree = { _id: name, $expr: { $lt: ['$until', '$$NOW'] } };
      const taken = await locks.findOneAndUpdate(isFree, [{ $set: { until: { $add: ['$$NOW', INDEX_LOCK_MS] } } }]);
      if (taken || this.closed) break;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    try {
      await work();
    } finally {
      await locks.updateOne({ _id: name }, { $set: { until: new Date(0) } }).catch(() => undefined);
    }
  }
}

import { createHash } from 'node:crypto';
import type { ClusterHeartbeat } from '@agentfleet/contracts';
import { CLOCK, FieldCipher, LOG, type Clock, type Log } from '@agentfleet/platform';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { ClusterMetrics } from '../metrics';
import { ClusterChanges } from './cluster-changes';
import { PresenceRepository, type HeartbeatWrite } from './presence.repository';

const FLUSH_EVERY_MS = 500;
const MAX_BATCH = 1000;
const REMEMBERED_REPORTS = 20_000;

/** Of what a cluster reported last, so that unchanged metadata and secrets are not written again. */
interface LastReport {
  metadata?: string;
  integrations?: string;
  workerJoin?: string;
}

const digest = (text: string | null) => createHash('sha256').update(text ?? '').digest('base64');

/**
 * Heartbeats are acknowledged at once and written at most a second later: the newest of each cluster, in one batch. While
 * MongoDB is away they wait here.
 */
@Injectable()
export class HeartbeatWriter implements OnApplicationShutdown {
  private pending = new Map<string, HeartbeatWrite>();
  private readonly reports = new LRUCache<string, LastReport>({ max: REMEMBERED_REPORTS });
  private readonly timer: NodeJS.Timeout;
  private flushing: Promise<void> = Promise.resolve();
  /** Told of bindings whose write matched nothing. */
  onMismatch: (clusterIds: readonly string[]) => void = () => undefined;

  constructor(
    private readonly repository: PresenceRepository,
    private readonly changes: ClusterChanges,
    private readonly cipher: FieldCipher,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
    private readonly metrics: ClusterMetrics,
  ) {
    this.timer = setInterval(() => void this.flush(), FLUSH_EVERY_MS);
    this.timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  /** @param epoch of the binding that it came over; null over HTTP */
  note(clusterId: string, epoch: number | null, heartbeat: ClusterHeartbeat): void {
    const before = this.pending.get(clusterId);
    const fresh = this.changedParts(clusterId, heartbeat);
    this.pending.set(clusterId, {
      clusterId,
      epoch,
      at: new Date(this.clock.now()),
      isReport: true,
      status: heartbeat.status ?? before?.status,
      tunnelStatus: heartbeat.tunnelStatus ?? before?.tunnelStatus,
      metadata: fresh.metadata === undefined ? before?.metadata : fresh.metadata,
      integrations: fresh.integrations ?? before?.integrations,
      workerJoin: fresh.workerJoin === undefined ? before?.workerJoin : fresh.workerJoin,
    });
  }

  /** Only that the socket is alive (pongs). */
  noteSeen(clusterId: string, epoch: number): void {
    const nothing = { isReport: false, status: undefined, tunnelStatus: undefined, metadata: undefined, integrations: undefined, workerJoin: undefined };
    const before = this.pending.get(clusterId);
    this.pending.set(clusterId, { ...(before ?? nothing), clusterId, epoch, at: new Date(this.clock.now()) });
  }

  /** A cluster that is bound anew, or gone, says everything again. */
  forget(clusterId: string): void {
    this.reports.delete(clusterId);
    this.pending.delete(clusterId);
  }

  private changedParts(clusterId: string, heartbeat: ClusterHeartbeat): Pick<HeartbeatWrite, 'metadata' | 'integrations' | 'workerJoin'> {
    const last = this.reports.get(clusterId) ?? {};
    this.reports.set(clusterId, last);
    const changed = (part: keyof LastReport, value: object | null | undefined): string | null | undefined => {
      if (value === undefined) return undefined;
      const text = value === null ? null : JSON.stringify(value);
      const hash = digest(text);
      if (last[part] === hash) return undefined;
      last[part] = hash;
      return text;
    };
    const integrations = changed('integrations', heartbeat.integrations);
    const workerJoin = changed('workerJoin', heartbeat.workerJoin);
    return {
      metadata: changed('metadata', heartbeat.metadata),
      integrations: integrations == null ? undefined : this.cipher.encrypt(integrations, INTEGRATIONS_CONTEXT),
      workerJoin: workerJoin == null ? workerJoin : this.cipher.encrypt(workerJoin, 'clusters.worker_join'),
    };
  }

  flush(): Promise<void> {
    this.flushing = this.flushing.then(() => this.writePending());
    return this.flushing;
  }

  private async writePending(): Promise<void> {
    if (this.pending.size === 0) return;
    const taken = this.pending;
    this.pending = new Map();
    const writes = [...taken.values()];
    for (let at = 0; at < writes.length; at += MAX_BATCH) {
      const batch = writes.slice(at, at + MAX_BATCH);
      try {
        const allMatched = await this.changes.exclusive(() => this.repository.writeHeartbeats(batch));
        this.metrics.writeBatchSize.observe(batch.length);
        if (!allMatched) this.onMismatch(batch.flatMap(({ clusterId, epoch }) => (epoch === null ? [] : [clusterId])));
      } catch (error) {
        this.log.warn({ err: error, waiting: writes.length - at }, 'Heartbeats could not be written; they wait');
        this.putBack(writes.slice(at));
        return;
      }
    }
  }

  /** What came meanwhile is newer; what only the older one had is kept. */
  private putBack(writes: readonly HeartbeatWrite[]): void {
    for (const write of writes) {
      const newer = this.pending.get(write.clusterId);
      const kept = newer
        ? {
            ...newer,
            isReport: newer.isReport || write.isReport,
            status: newer.status ?? write.status,
            tunnelStatus: newer.tunnelStatus ?? write.tunnelStatus,
            metadata: newer.metadata === undefined ? write.metadata : newer.metadata,
            integrations: newer.integrations ?? write.integrations,
            workerJoin: newer.workerJoin === undefined ? write.workerJoin : newer.workerJoin,
          }
        : write;
      this.pending.set(write.clusterId, kept);
    }
  }
}

export const INTEGRATIONS_CONTEXT = 'clusters.integrations';

import { createHash } from 'node:crypto';
import type { ClusterHeartbeat } from '@agentfleet/contracts';
import { CLOCK, FieldCipher, LatestWriter, Lifecycle, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { ClusterMetrics } from '../metrics';
import { ClusterChanges } from './cluster-changes';
import { PresenceRepository, type HeartbeatWrite } from './presence.repository';

const WRITE_EVERY_MS = 500;
const REMEMBERED_REPORTS = 20_000;
export const INTEGRATIONS_CONTEXT = 'clusters.integrations';

/** Of what a cluster reported last, so that unchanged metadata and secrets are not written again. */
interface LastReport {
  metadata?: string | null;
  integrations?: string | null;
  workerJoin?: string | null;
}

/** Texts as short as a digest and its making are cheap to keep as they are. */
const SHORT_TEXT = 512;
const markOf = (text: string | null) => (text === null || text.length <= SHORT_TEXT ? text : createHash('sha256').update(text).digest('base64'));
const SIGN_OF_LIFE = { isReport: false, status: undefined, tunnelStatus: undefined, metadata: undefined, integrations: undefined, workerJoin: undefined } as const;

/** Heartbeats are acknowledged at once and written at most a second later: the newest of each cluster, in one batch. */
@Injectable()
export class HeartbeatWriter {
  private readonly writer: LatestWriter<HeartbeatWrite>;
  private readonly reports = new LRUCache<string, LastReport>({ max: REMEMBERED_REPORTS });
  /** Told of bindings whose write matched nothing. */
  onMismatch: (clusterIds: readonly string[]) => void = () => undefined;

  constructor(
    lifecycle: Lifecycle,
    private readonly repository: PresenceRepository,
    private readonly changes: ClusterChanges,
    private readonly cipher: FieldCipher,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly metrics: ClusterMetrics,
  ) {
    this.writer = new LatestWriter(lifecycle, { name: 'heartbeats', periodMs: WRITE_EVERY_MS, write: (facts) => this.write(facts), merge });
  }

  /** @param epoch of the binding that it came over; null over HTTP */
  note(clusterId: string, epoch: number | null, heartbeat: ClusterHeartbeat): void {
    const { status, tunnelStatus } = heartbeat;
    const at = new Date(this.clock.now());
    this.writer.put(clusterId, { clusterId, epoch, at, isReport: true, status, tunnelStatus, ...this.changedParts(clusterId, heartbeat) });
  }

  /** Only that the socket is alive (pongs). */
  noteSeen(clusterId: string, epoch: number): void {
    this.writer.put(clusterId, { ...SIGN_OF_LIFE, clusterId, epoch, at: new Date(this.clock.now()) });
  }

  /** A cluster that is bound anew, or gone, says everything again. */
  forget(clusterId: string): void {
    this.reports.delete(clusterId);
    this.writer.delete(clusterId);
  }

  private changedParts(clusterId: string, heartbeat: ClusterHeartbeat): Pick<HeartbeatWrite, 'metadata' | 'integrations' | 'workerJoin'> {
    const last = this.reports.get(clusterId) ?? {};
    this.reports.set(clusterId, last);
    const changed = (part: keyof LastReport, value: object | null | undefined): string | null | undefined => {
      if (value === undefined) return undefined;
      const text = value === null ? null : JSON.stringify(value);
      const mark = markOf(text);
      if (last[part] === mark) return undefined;
      last[part] = mark;
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

  private async write(facts: readonly HeartbeatWrite[]): Promise<void> {
    const allMatched = await this.changes.exclusive(() => this.repository.writeHeartbeats(facts));
    this.metrics.writeBatchSize.observe(facts.length);
    if (!allMatched) this.onMismatch(facts.flatMap(({ clusterId, epoch }) => (epoch === null ? [] : [clusterId])));
  }
}

/** What only the older one had is kept. */
function merge(older: HeartbeatWrite, newer: HeartbeatWrite): HeartbeatWrite {
  return {
    ...newer,
    isReport: newer.isReport || older.isReport,
    status: newer.status ?? older.status,
    tunnelStatus: newer.tunnelStatus ?? older.tunnelStatus,
    metadata: newer.metadata === undefined ? older.metadata : newer.metadata,
    integrations: newer.integrations ?? older.integrations,
    workerJoin: newer.workerJoin === undefined ? older.workerJoin : newer.workerJoin,
  };
}

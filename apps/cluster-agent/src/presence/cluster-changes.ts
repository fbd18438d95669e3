import type { JsonObject } from '@agentfleet/contracts';
import { asAppError, CLOCK, GroupCommit, Lifecycle, Transactions, type Clock, type Transaction } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { ClusterMetrics } from '../metrics';
import type { ClusterEventRecord, ClusterState } from '../records/cluster.schema';
import { changeCluster, type ClusterChange, type EventDraft } from './change';
import { PresenceRepository, type OwnedCluster } from './presence.repository';

const GROUP_SIZE = 250;
const RETRY_MS = 1000;
const TRIM_EVERY_EVENTS = 100;

/** What became of a change. `unchanged`: it came too late, or things were so already. */
export type ChangeOutcome = { readonly kind: 'missing' } | { readonly kind: 'unchanged' | 'changed'; readonly state: ClusterState };

interface WantedChange {
  readonly clusterId: string;
  readonly change: ClusterChange;
}

interface Happened {
  readonly cluster: OwnedCluster;
  readonly event: ClusterEventRecord;
}

/**
 * The one way to change who owns a cluster and how it is shown. Changes that wait are committed in groups, each group with its
 * events in one transaction: an event is there exactly when the change is.
 */
@Injectable()
export class ClusterChanges {
  private readonly group = new GroupCommit<WantedChange, ChangeOutcome>({
    maxWeight: GROUP_SIZE,
    commit: (changes) => {
      this.metrics.writeBatchSize.observe(changes.length);
      return this.transactions.run((transaction) => this.commit(changes, transaction));
    },
  });

  constructor(
    private readonly repository: PresenceRepository,
    private readonly transactions: Transactions,
    private readonly lifecycle: Lifecycle,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly metrics: ClusterMetrics,
  ) {}

  apply(clusterId: string, change: ClusterChange): Promise<ChangeOutcome> {
    return this.group.add({ clusterId, change });
  }

  /** For facts that must not get lost: tried again while MongoDB is away, until this replica shuts down. */
  async applyEventually(clusterId: string, change: ClusterChange): Promise<void> {
    for (;;) {
      try {
        await this.apply(clusterId, change);
        return;
      } catch (error) {
        // not being able to write is survivable: the reconciler of another replica finds the loss of this one
        if (asAppError(error) === undefined || this.lifecycle.draining) throw error;
        await this.clock.sleep(RETRY_MS);
      }
    }
  }

  /** Runs other writes to the same documents between two groups. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.group.exclusive(work);
  }

  private async commit(changes: readonly WantedChange[], transaction: Transaction): Promise<readonly ChangeOutcome[]> {
    const now = new Date(this.clock.now());
    const clusters = new Map(await this.repository.readStates([...new Set(changes.map(({ clusterId }) => clusterId))], transaction));
    const changed = new Map<string, ClusterState>();
    const happened: Happened[] = [];
    const outcomes = changes.map(({ clusterId, change }): ChangeOutcome => {
      const cluster = clusters.get(clusterId);
      if (!cluster) return { kind: 'missing' };
      const result = changeCluster(cluster, change, now);
      if (!result) return { kind: 'unchanged', state: cluster };
      const after = { ...cluster, ...result.state };
      clusters.set(clusterId, after);
      changed.set(clusterId, after);
      for (const [index, draft] of result.events.entries()) happened.push({ cluster: after, event: eventOf(cluster, draft, index, now) });
      return { kind: 'changed', state: after };
    });
    await this.repository.writeStates(changed, happened.map(({ event }) => event), now, transaction);
    for (const one of happened) this.notify(one, transaction);
    return outcomes;
  }

  private notify({ cluster, event }: Happened, transaction: Transaction): void {
    const { org_id: orgId, _id: clusterId, agent_id: agentId, name } = cluster;
    const common = { orgId, clusterId, agentId, epoch: event.epoch, at: event.at.toISOString() };
    if (event.kind === 'connected' || event.kind === 'replaced') {
      const features: JsonObject = cluster.features === null ? {} : JSON.parse(cluster.features);
      transaction.notify('cluster.connected', { ...common, name, replicaId: event.replica_id, transport: 'websocket', features });
    }
    if (event.kind === 'replaced') transaction.notify('cluster.superseded', { orgId, clusterId, epoch: event.epoch });
    if (event.kind === 'disconnected') transaction.notify('cluster.disconnected', { ...common, name, reason: event.reason, closeCode: event.close_code });
    if (event.kind === 'presence') transaction.notify('cluster.presence.changed', { ...common, from: event.from, to: event.to, reason: event.reason });
    transaction.afterCommit(() => this.count(event));
  }

  private count({ kind, to, reason, seq, cluster_id }: ClusterEventRecord): void {
    if (kind === 'replaced') this.metrics.replaced.inc();
    if (kind === 'presence') this.metrics.presenceChanges.inc({ to: to ?? '', reason: reason ?? '' });
    if (seq % TRIM_EVERY_EVENTS === 0) this.repository.trimEvents(cluster_id, seq).catch(() => undefined); // the next one does it
  }
}

function eventOf(cluster: OwnedCluster, draft: EventDraft, index: number, at: Date): ClusterEventRecord {
  return { cluster_id: cluster._id, org_id: cluster.org_id, seq: cluster.event_seq + 1 + index, at, ...draft };
}

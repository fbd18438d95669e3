import { CLUSTER_NOTICES, type JsonObject } from '@agentfleet/contracts';
import { asAppError, Bus, CLOCK, Lifecycle, Transactions, type Clock, type Transaction } from '@agentfleet/platform';
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

interface Waiting {
  readonly clusterId: string;
  readonly change: ClusterChange;
  readonly resolve: (outcome: ChangeOutcome) => void;
  readonly reject: (error: unknown) => void;
}

interface Committed {
  readonly outcomes: readonly ChangeOutcome[];
  readonly told: readonly { readonly cluster: OwnedCluster; readonly event: ClusterEventRecord }[];
}

/**
 * The one way to change who owns a cluster and how it is shown. Changes that wait are committed in groups, one group at
 * a time, each with its events in one transaction: an event is there exactly when the change is.
 */
@Injectable()
export class ClusterChanges {
  private readonly waiting: Waiting[] = [];
  private working = false;
  private tail: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly repository: PresenceRepository,
    private readonly transactions: Transactions,
    private readonly bus: Bus,
    private readonly lifecycle: Lifecycle,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly metrics: ClusterMetrics,
  ) {}

  apply(clusterId: string, change: ClusterChange): Promise<ChangeOutcome> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ clusterId, change, resolve, reject });
      if (!this.working) void this.work();
    });
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

  /** Runs other writes to the same documents between two groups, so that they do not make each other start again. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.tail.then(work, work);
    this.tail = result.catch(() => undefined);
    return result;
  }

  private async work(): Promise<void> {
    this.working = true;
    await Promise.resolve(); // all changes of this turn of the event loop go together
    for (let group = this.waiting.splice(0, GROUP_SIZE); group.length > 0; group = this.waiting.splice(0, GROUP_SIZE)) {
      const changes = group;
      this.metrics.writeBatchSize.observe(changes.length);
      try {
        const { outcomes } = await this.exclusive(() => this.transactions.run((transaction) => this.commit(changes, transaction)));
        changes.forEach(({ resolve }, index) => resolve(outcomes[index] ?? { kind: 'missing' }));
      } catch (error) {
        for (const { reject } of changes) reject(error);
      }
    }
    this.working = false;
  }

  private async commit(changes: readonly Waiting[], transaction: Transaction): Promise<Committed> {
    const now = new Date(this.clock.now());
    const clusters = new Map(await this.repository.readStates([...new Set(changes.map(({ clusterId }) => clusterId))], transaction));
    const changed = new Map<string, ClusterState>();
    const told: { cluster: OwnedCluster; event: ClusterEventRecord }[] = [];
    const outcomes = changes.map(({ clusterId, change }): ChangeOutcome => {
      const cluster = clusters.get(clusterId);
      if (!cluster) return { kind: 'missing' };
      const result = changeCluster(cluster, change, now);
      if (!result) return { kind: 'unchanged', state: cluster };
      const after = { ...cluster, ...result.state };
      clusters.set(clusterId, after);
      changed.set(clusterId, after);
      for (const [index, draft] of result.events.entries()) told.push({ cluster: after, event: eventOf(cluster, draft, index, now) });
      return { kind: 'changed', state: after };
    });
    await this.repository.writeStates(changed, told.map(({ event }) => event), now, transaction);
    transaction.afterCommit(() => this.tell(told));
    return { outcomes, told };
  }

  private tell(told: Committed['told']): void {
    for (const { cluster, event } of told) {
      const common = { orgId: cluster.org_id, clusterId: cluster._id, agentId: cluster.agent_id, epoch: event.epoch, at: event.at.toISOString() };
      if (event.kind === 'connected' || event.kind === 'replaced') {
        const features: JsonObject = cluster.features === null ? {} : JSON.parse(cluster.features);
        this.bus.notify(CLUSTER_NOTICES.connected, { ...common, name: cluster.name, replicaId: event.replica_id, transport: 'websocket', features });
      }
      if (event.kind === 'replaced') {
        this.metrics.replaced.inc();
        this.bus.notify(CLUSTER_NOTICES.superseded, { orgId: cluster.org_id, clusterId: cluster._id, epoch: event.epoch });
      }
      if (event.kind === 'disconnected') {
        this.bus.notify(CLUSTER_NOTICES.disconnected, { ...common, name: cluster.name, reason: event.reason, closeCode: event.close_code });
      }
      if (event.kind === 'presence') {
        this.metrics.presenceChanges.inc({ to: event.to ?? '', reason: event.reason ?? '' });
        this.bus.notify(CLUSTER_NOTICES.presenceChanged, { ...common, from: event.from, to: event.to, reason: event.reason });
      }
      if (event.seq % TRIM_EVERY_EVENTS === 0) this.repository.trimEvents(cluster._id, event.seq).catch(() => undefined); // the next one does it
    }
  }
}

function eventOf(cluster: OwnedCluster, draft: EventDraft, index: number, at: Date): ClusterEventRecord {
  return { cluster_id: cluster._id, org_id: cluster.org_id, seq: cluster.event_seq + 1 + index, at, ...draft };
}

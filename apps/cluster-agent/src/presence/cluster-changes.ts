import { randomUUID } from 'node:crypto';
import type { JsonObject } from '@agentfleet/contracts';
import { asAppError, CLOCK, GroupCommit, isDuplicateKey, Lifecycle, Transactions, type Answers, type Clock, type Transaction } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { ClusterMetrics } from '../metrics';
import type { ClusterEventRecord } from '../records/cluster.schema';
import type { ClusterChange } from './change';
import { ChangeGroup, type ChangeOutcome, type Happened, type Registered, type WantedChange } from './change-group';
import { PresenceRepository } from './presence.repository';

const GROUP_SIZE = 250;
/** A registration with as much more to write counts as another change. */
const BYTES_PER_WEIGHT = 4096;
/** Longer than a transaction tries again (10 s), and short enough that agents, who wait 30 s, are answered after another try. */
const HUNG_AFTER_MS = 15_000;
const RETRY_MS = 1000;
/** Another replica registered the same agent, or took the name, in the moment of our write. */
const COLLISION_TRIES = 5;
const TRIM_EVERY_EVENTS = 100;

/**
 * The one way to register clusters and to change who owns them and how they are shown. What waits is committed in groups, each
 * with its events in one transaction: a record, its binding and the events of both are there together or not at all.
 */
@Injectable()
export class ClusterChanges {
  private readonly group = new GroupCommit<WantedChange, ChangeOutcome>({
    maxWeight: GROUP_SIZE,
    hungAfterMs: HUNG_AFTER_MS,
    weightOf: (wanted) => ('registration' in wanted ? 1 + Math.floor(wanted.registration.bytes / BYTES_PER_WEIGHT) : 1),
    commit: (changes, answers) => {
      this.metrics.writeBatchSize.observe(changes.length);
      return this.commit(changes, answers);
    },
  });

  constructor(
    private readonly repository: PresenceRepository,
    private readonly transactions: Transactions,
    private readonly lifecycle: Lifecycle,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly metrics: ClusterMetrics,
  ) {}

  /** Resolves when it is durable. */
  apply(wanted: WantedChange): Promise<ChangeOutcome> {
    return this.group.add(wanted);
  }

  /** For facts that must not get lost: tried again while MongoDB is away, until this replica shuts down. */
  async applyEventually(clusterId: string, change: ClusterChange): Promise<void> {
    for (;;) {
      try {
        await this.apply({ clusterId, change });
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

  /**
   * All in one transaction where that is possible. What cannot be written together with those before it has another one; what makes
   * a transaction fail is found by halves, so that it fails alone.
   */
  private async commit(changes: readonly WantedChange[], answers: Answers<ChangeOutcome>): Promise<readonly ChangeOutcome[]> {
    const outcomes: ChangeOutcome[] = [];
    let size = changes.length;
    for (let done = 0; done < changes.length; size = Math.max(1, Math.min(size, changes.length - done))) {
      try {
        for (const outcome of await this.commitTogether(changes.slice(done, done + size))) {
          outcomes[done] = outcome;
          answers.resolve(done++, outcome);
        }
        size = changes.length - done;
      } catch (error) {
        if (asAppError(error) !== undefined) throw error; // storage is away, for all of them
        if (size > 1) size = Math.ceil(size / 2);
        else answers.reject(done++, error);
      }
    }
    return outcomes;
  }

  /** As many from the first on as can be written together. */
  private async commitTogether(changes: readonly WantedChange[]): Promise<readonly ChangeOutcome[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.transactions.run((transaction) => this.write(changes, transaction));
      } catch (error) {
        if (!isDuplicateKey(error) || attempt >= COLLISION_TRIES) throw error;
      }
    }
  }

  private async write(changes: readonly WantedChange[], transaction: Transaction): Promise<readonly ChangeOutcome[]> {
    const group = new ChangeGroup(await this.repository.clustersOf(changes, transaction), new Date(this.clock.now()), randomUUID);
    const outcomes: ChangeOutcome[] = [];
    for (const wanted of changes) {
      const outcome = group.apply(wanted);
      if (!outcome) break;
      outcomes.push(outcome);
    }
    await this.repository.write(group, transaction);
    for (const registered of group.registered) notifyRegistered(registered, transaction, group.now);
    for (const one of group.happened) notifyEvent(one, transaction);
    transaction.afterCommit(() => {
      for (const { event } of group.happened) this.count(event);
    });
    return outcomes;
  }

  private count({ kind, to, reason, seq, cluster_id }: ClusterEventRecord): void {
    if (kind === 'replaced') this.metrics.replaced.inc();
    if (kind === 'presence') this.metrics.presenceChanges.inc({ to: to ?? '', reason: reason ?? '' });
    if (seq % TRIM_EVERY_EVENTS === 0) this.repository.trimEvents(cluster_id, seq).catch(() => undefined); // the next one does it
  }
}

function notifyRegistered({ cluster, registration, created }: Registered, transaction: Transaction, at: Date): void {
  const { agentId, name, description } = registration.said;
  transaction.notify('cluster.registered', {
    orgId: registration.orgId,
    clusterId: cluster._id,
    agentId,
    name,
    k8sVersion: description.k8s_version ?? null,
    hostname: description.hostname ?? null,
    agentVersion: description.agent_version ?? null,
    serverIp: description.server_ip ?? null,
    region: description.region ?? null,
    cloudProvider: description.cloud_provider ?? null,
    serverSpecs: description.server_specs ?? null,
    labels: Object.fromEntries((description.labels ?? []).map((label) => [label.name, label.value])),
    created,
    at: at.toISOString(),
  });
}

function notifyEvent({ cluster, event }: Happened, transaction: Transaction): void {
  const { org_id: orgId, _id: clusterId, agent_id: agentId, name } = cluster;
  const common = { orgId, clusterId, agentId, epoch: event.epoch, at: event.at.toISOString() };
  if (event.kind === 'connected' || event.kind === 'replaced') {
    const features: JsonObject = cluster.features === null ? {} : JSON.parse(cluster.features);
    transaction.notify('cluster.connected', { ...common, name, replicaId: event.replica_id, transport: 'websocket', features });
  }
  if (event.kind === 'replaced') transaction.notify('cluster.superseded', { orgId, clusterId, epoch: event.epoch });
  if (event.kind === 'disconnected') transaction.notify('cluster.disconnected', { ...common, name, reason: event.reason, closeCode: event.close_code });
  if (event.kind === 'presence') transaction.notify('cluster.presence.changed', { ...common, from: event.from, to: event.to, reason: event.reason });
}

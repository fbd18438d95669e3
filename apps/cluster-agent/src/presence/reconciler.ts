import { CLOCK, ENV, Leases, Replicas, type Clock } from '@agentfleet/platform';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { ClusterAgentEnv } from '../env';
import type { ClusterChange } from './change';
import { ClusterChanges } from './cluster-changes';
import { PresenceRepository } from './presence.repository';

const PERIOD_MS = 2000;
const LEASE_MS = 6000;
const BATCH = 250;
const CLEANUP_PERIOD_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** After a gap in our own view of MongoDB the others get as long to announce themselves before they count as gone. */
const STEADY_AFTER_MS = 8000;

/** What only time brings about, for all clusters, done by one replica at a time. */
@Injectable()
export class Reconciler implements OnModuleInit {
  private lastRunAt = -Infinity;
  private steadySince = -Infinity;

  constructor(
    private readonly leases: Leases,
    private readonly replicas: Replicas,
    private readonly repository: PresenceRepository,
    private readonly changes: ClusterChanges,
    @Inject(ENV) private readonly env: ClusterAgentEnv,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.leases.every('cluster-agent:reconcile', { periodMs: PERIOD_MS, leaseMs: LEASE_MS }, () => this.run());
    this.leases.every('cluster-agent:cleanup', { periodMs: CLEANUP_PERIOD_MS, leaseMs: CLEANUP_PERIOD_MS / 2 }, () => this.cleanUp());
  }

  private async run(): Promise<void> {
    const now = this.clock.now();
    const { CLUSTER_OFFLINE_GRACE_MS: graceMs, HEARTBEAT_STALE_MS: staleMs } = this.env;
    if (this.isSteady()) {
      for (const replicaId of await this.lostOwners()) {
        await this.forAll(() => this.repository.ownedBy(replicaId, BATCH), { kind: 'replica_lost', replicaId });
      }
    }
    await this.forAll(() => this.repository.overdue(new Date(now - graceMs), BATCH), { kind: 'grace_over', graceMs });
    const [seenBefore, offlineBefore] = [new Date(now - staleMs), new Date(now - 3 * staleMs)];
    await this.forAll(() => this.repository.silentOverHttp(seenBefore, offlineBefore, BATCH), { kind: 'http_silent', staleMs });
  }

  /** Replicas that own clusters and are not alive any more. */
  private async lostOwners(): Promise<readonly string[]> {
    const owners = await this.repository.owners(); // first: who becomes an owner meanwhile has announced itself before
    const alive = new Set((await this.replicas.alive()).map(({ id }) => id));
    return owners.filter((owner) => !alive.has(owner));
  }

  /** False for a while after MongoDB was away: nobody could announce itself, which does not mean that nobody lives. */
  private isSteady(): boolean {
    const now = this.clock.monotonicMs();
    const hadGap = now - this.lastRunAt > 2 * PERIOD_MS + 500;
    // the first run of a process that took over from a dead one has no gap of its own
    if (hadGap && this.lastRunAt !== -Infinity) this.steadySince = now + STEADY_AFTER_MS;
    this.lastRunAt = now;
    return now >= this.steadySince;
  }

  /** Until a batch is not full any more, or brings nothing new. */
  private async forAll(find: () => Promise<readonly string[]>, change: ClusterChange): Promise<void> {
    for (;;) {
      const ids = await find();
      const outcomes = await Promise.all(ids.map((id) => this.changes.apply({ clusterId: id, change })));
      if (ids.length < BATCH || outcomes.every(({ kind }) => kind !== 'changed')) return;
    }
  }

  private async cleanUp(): Promise<void> {
    const now = this.clock.now();
    await this.repository.dropOldEvents(new Date(now - this.env.CLUSTER_EVENTS_RETENTION_DAYS * DAY_MS));
  }
}

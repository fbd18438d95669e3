import { CLOCK, ENV, GroupCommit, LatestWriter, Lifecycle, Metrics, Replicas, type Clock } from '@agentfleet/platform';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { Histogram } from 'prom-client';
import type { PresenceSubject } from '../agent-records/agent.repository';
import { presenceTimes, type AiwmEnv, type PresenceTimes } from '../env';
import { presenceAt, reportedSinceAfter, type Gap, type Presence, type PresenceFacts } from './presence';
import { PresenceRepository, type ConnectFact, type HeartbeatFact } from './presence.repository';
import type { AgentPresenceDocument, PresenceTransition } from './presence.schema';

/** A heartbeat is acknowledged at once and written at most this much later; changes of presence are recorded as soon. */
const FLUSH_EVERY_MS = 500;
const READ_GAPS_EVERY_MS = 5000;

export interface PresenceView {
  readonly presence: Presence;
  readonly record: AgentPresenceDocument | undefined;
}

const toMs = (date: Date | null | undefined) => date?.getTime();

function factsOf(agent: PresenceSubject, record: AgentPresenceDocument | undefined): PresenceFacts {
  return {
    createdAtMs: agent.createdAt.getTime(),
    suspendedSinceMs: agent.status === 'suspended' ? agent.statusChangedAt.getTime() : undefined,
    suspensionEndedAtMs: toMs(agent.suspensionEndedAt),
    lastConnectedAtMs: toMs(record?.lastConnectedAt),
    lastHeartbeatAtMs: toMs(record?.lastHeartbeatAt),
    reportedStatus: record?.reportedStatus ?? 'online',
    reportedSinceMs: toMs(record?.reportedSince),
    disconnectedAtMs: toMs(record?.disconnectedAt),
    disconnectReason: record?.disconnectReason ?? undefined,
  };
}

/** Accepts heartbeats (written in batches) and says who is there, computed at the question from stored facts. */
@Injectable()
export class PresenceService implements OnModuleInit {
  readonly times: PresenceTimes;
  private readonly heartbeats: LatestWriter<HeartbeatFact>;
  private readonly connects = new GroupCommit<ConnectFact, boolean>({ commit: (facts) => this.repository.connected(facts), maxWeight: 256, patienceMs: 100, gathersTurn: true });
  private gaps: readonly Gap[] = [];
  /** The last heartbeat of each agent that this replica heard: one in the same status needs no look at the database. */
  private readonly last = new LRUCache<string, { readonly status: HeartbeatFact['status']; readonly since: Date; readonly atMs: number }>({ max: 50_000 });
  /** When agents disconnected here: a heartbeat that waited meanwhile was of the time before. */
  private readonly left = new LRUCache<string, number>({ max: 50_000 });
  private readonly changed = new Set<string>();
  private publishChanges: (agentIds: readonly string[]) => void = () => undefined;
  private readonly flushSeconds: Histogram;

  constructor(
    private readonly repository: PresenceRepository,
    private readonly replicas: Replicas,
    private readonly lifecycle: Lifecycle,
    metrics: Metrics,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(ENV) env: AiwmEnv,
  ) {
    this.times = presenceTimes(env);
    this.flushSeconds = metrics.histogram({ name: 'aiwm_heartbeat_flush_seconds', help: 'Writing a batch of heartbeats' });
    this.heartbeats = new LatestWriter(lifecycle, {
      name: 'heartbeats',
      periodMs: FLUSH_EVERY_MS,
      write: (facts) => this.write(facts),
      // a heartbeat without metrics leaves the last ones
      merge: (older, newer) => (newer.metrics === undefined ? { ...newer, metrics: older.metrics } : newer),
    });
  }

  onModuleInit(): void {
    this.lifecycle.beforeReady('gaps of presence', () => this.readGaps());
    this.lifecycle.every('gaps of presence', READ_GAPS_EVERY_MS, () => this.readGaps());
    this.lifecycle.every('changes of presence', FLUSH_EVERY_MS, () => this.publishChanged());
  }

  /** Acknowledged at once; visible in the next read here, elsewhere within a second. */
  async heartbeat(agentId: string, subject: PresenceSubject, status: HeartbeatFact['status'], metrics: string | undefined): Promise<void> {
    const waiting = this.heartbeats.get(agentId);
    const at = new Date(this.clock.now());
    const last = this.last.get(agentId);
    if (last?.status === status && at.getTime() - last.atMs <= this.times.staleS * 1000) {
      this.accept({ agentId, at, status, reportedSince: last.since, metrics });
      return;
    }
    const facts = waiting ? undefined : factsOf(subject, await this.repository.find(agentId));
    const since = (() => {
      const queued = this.heartbeats.get(agentId) ?? waiting; // another one may have come while we read
      const isUnbroken = queued !== undefined && queued.at.getTime() > (this.left.get(agentId) ?? -Infinity);
      if (queued) return isUnbroken && queued.status === status ? queued.reportedSince : at;
      return facts ? new Date(reportedSinceAfter(facts, status, at.getTime(), this.times, this.gaps)) : at;
    })();
    this.changed.add(agentId);
    this.accept({ agentId, at, status, reportedSince: since, metrics });
  }

  private accept(fact: HeartbeatFact): void {
    this.heartbeats.put(fact.agentId, fact);
    this.last.set(fact.agentId, { status: fact.status, since: fact.reportedSince, atMs: fact.at.getTime() });
  }

  /** Another replica, or an administrator, changed what was known of the agent. */
  forget(agentId: string): void {
    this.last.delete(agentId);
  }

  /** Does nothing when the news is what this replica itself heard. */
  forgetUnless(agentId: string, status: string): void {
    if (this.last.get(agentId)?.status !== status) this.forget(agentId);
  }

  /** Hears which agents' presence a request may just have changed, once that is in the database. */
  onChange(listener: (agentIds: readonly string[]) => void): void {
    this.publishChanges = listener;
  }

  /** For changes from elsewhere, such as a suspension. */
  mayHaveChanged(agentId: string): void {
    this.forget(agentId);
    this.changed.add(agentId); // recorded after the next flush, all in one
  }

  /** The change of presence that was not recorded yet. */
  transitionOf(agent: PresenceSubject, record: AgentPresenceDocument): PresenceTransition | undefined {
    const from = record.shownStatus ?? 'never_connected';
    const { status, reason, detail, sinceMs } = presenceAt(factsOf(agent, this.withWaiting(record)), this.clock.now(), this.times, this.gaps);
    if (status === from) return undefined;
    return { from, to: status, reason, detail: detail ?? null, at: new Date(Math.max(sinceMs, record.shownAt?.getTime() ?? 0)) };
  }

  /** A record as it will be once the waiting heartbeat is written. */
  private withWaiting(record: AgentPresenceDocument, fact = this.heartbeats.get(record._id.toHexString())): AgentPresenceDocument {
    if (!fact || (record.lastHeartbeatAt !== null && record.lastHeartbeatAt >= fact.at)) return record;
    const metrics = fact.metrics === undefined ? {} : { metrics: fact.metrics, metricsAt: fact.at };
    return { ...record, lastHeartbeatAt: fact.at, reportedStatus: fact.status, reportedSince: fact.reportedSince, ...metrics };
  }

  /** Counts a connect. False when the agent is not there any more. */
  async connected(
    subject: PresenceSubject,
    record: AgentPresenceDocument | undefined,
    use: Pick<ConnectFact, 'tokenId' | 'previousSecret' | 'remembered'>,
  ): Promise<boolean> {
    const agentId = subject._id.toHexString();
    const before = record && this.withWaiting(record);
    const at = new Date(this.clock.now());
    const reportedSince = new Date(reportedSinceAfter(factsOf(subject, before), 'online', at.getTime(), this.times, this.gaps));
    const isCounted = await this.connects.add({ agentId, at, reportedSince, ...use });
    this.mayHaveChanged(agentId);
    return isCounted;
  }

  /**
   * A heartbeat that came before may be written after: the later of both decides. A process that was replaced and ends late
   * (`tokenId` of an earlier connect) must not show its successor offline.
   */
  async disconnected(agentId: string, tokenId: string, reason: string | undefined): Promise<void> {
    const at = new Date(this.clock.now());
    if (!(await this.repository.disconnected(agentId, tokenId, at, reason))) return;
    this.left.set(agentId, at.getTime());
    this.mayHaveChanged(agentId);
  }

  async of(agents: readonly PresenceSubject[]): Promise<ReadonlyMap<string, PresenceView>> {
    const ids = agents.map(({ _id }) => _id.toHexString());
    const waiting = new Map(ids.map((id) => [id, this.heartbeats.get(id)])); // before the read: meanwhile it may be written
    const records = await this.repository.findMany(ids);
    const now = this.clock.now();
    return new Map(
      agents.map((agent) => {
        const id = agent._id.toHexString();
        const stored = records.get(id);
        const record = stored && this.withWaiting(this.withWaiting(stored, waiting.get(id)));
        return [id, { record, presence: presenceAt(factsOf(agent, record), now, this.times, this.gaps) }];
      }),
    );
  }

  /** Of an agent that is just being made. */
  ofNew(agent: PresenceSubject): PresenceView {
    return { record: undefined, presence: presenceAt(factsOf(agent, undefined), this.clock.now(), this.times, this.gaps) };
  }

  create(...args: Parameters<PresenceRepository['create']>): Promise<void> {
    return this.repository.create(...args);
  }

  /** As stored: what waits to be written is not in it. */
  records(agentIds: readonly string[]): Promise<ReadonlyMap<string, AgentPresenceDocument>> {
    return this.repository.findMany(agentIds);
  }

  forgetSecrets(...args: Parameters<PresenceRepository['forgetSecrets']>): Promise<void> {
    return this.repository.forgetSecrets(...args);
  }

  private async write(facts: readonly HeartbeatFact[]): Promise<void> {
    const end = this.flushSeconds.startTimer();
    await this.repository.heartbeats(facts);
    end();
  }

  /** After their heartbeats: whoever records the changes reads what is written. */
  private async publishChanged(): Promise<void> {
    if (this.changed.size === 0) return;
    await this.heartbeats.flush();
    const changed = [...this.changed];
    this.changed.clear();
    this.publishChanges(changed);
  }

  private async readGaps(): Promise<void> {
    this.gaps = (await this.replicas.outages()).map(({ from, to }) => ({ fromMs: from.getTime(), toMs: to.getTime() }));
  }
}

import { AIWM_CONNECTION_STATUSES, AIWM_NOTICES, type AiwmPresenceChangedNotice } from '@agentfleet/contracts';
import { Bus, Leases, LOG, Metrics, type Log } from '@agentfleet/platform';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Counter } from 'prom-client';
import type { AgentPresenceDocument, PresenceTransition } from '../agent-records/agent.schema';
import { PresenceHistoryRepository } from './presence-history.repository';
import { PresenceService } from './presence.service';

const MAX_PERIOD_MS = 5000;
const AT_ONCE = 50;

/**
 * Tells of every change of presence once: into the history and as a notice. One replica at a time sweeps for those that
 * time brings; those that a request causes are told at once by the replica that took it. Reads never wait for it.
 */
@Injectable()
export class PresenceTransitions implements OnModuleInit {
  private readonly transitions: Counter<'from' | 'to'>;

  constructor(
    private readonly repository: PresenceHistoryRepository,
    private readonly presence: PresenceService,
    private readonly leases: Leases,
    private readonly bus: Bus,
    metrics: Metrics,
    @Inject(LOG) private readonly log: Log,
  ) {
    this.transitions = metrics.counter({ name: 'aiwm_presence_transitions_total', help: 'Changes of presence', labelNames: ['from', 'to'] });
    metrics.gauge({
      name: 'aiwm_agents',
      help: 'Agents of all organizations by presence',
      labelNames: ['connection_status'],
      collect: async (gauge) => {
        const counts = await this.repository.countByStatus().catch(() => undefined); // the last ones stay
        if (counts) for (const status of AIWM_CONNECTION_STATUSES) gauge.set({ connection_status: status }, counts.get(status) ?? 0);
      },
    });
  }

  onModuleInit(): void {
    const periodMs = Math.min(MAX_PERIOD_MS, (this.presence.times.timeoutS * 1000) / 6);
    this.leases.every('aiwm.presence', { periodMs, leaseMs: 3 * periodMs + 2000 }, async () => this.settle(await this.repository.candidates()));
    this.presence.onChange((agentIds) => {
      const settled = this.repository.records(agentIds).then((records) => this.settle(records));
      settled.catch((error: unknown) => this.log.warn({ err: error }, 'A change of presence was not told; the next sweep does it'));
    });
  }

  newest(agentId: string, limit: number): Promise<readonly PresenceTransition[]> {
    return this.repository.newest(agentId, limit);
  }

  private async settle(records: readonly AgentPresenceDocument[]): Promise<void> {
    const subjects = await this.repository.subjects(records.map(({ _id }) => _id));
    const live = records.filter(({ _id }) => subjects.has(_id.toHexString()));
    await this.repository.gone(records.filter(({ _id }) => !subjects.has(_id.toHexString())).map(({ _id }) => _id));
    for (let i = 0; i < live.length; i += AT_ONCE) {
      await Promise.all(
        live.slice(i, i + AT_ONCE).map((record) => {
          const subject = subjects.get(record._id.toHexString());
          return subject && this.settleOne(record, this.presence.transitionOf(subject, record));
        }),
      );
    }
  }

  private async settleOne(record: AgentPresenceDocument, transition: PresenceTransition | undefined): Promise<void> {
    if (record.unwritten) await this.tell(record, record.unwritten); // another replica died, or is about to do it
    if (transition && (await this.repository.take(record, transition))) await this.tell(record, transition);
  }

  private async tell(record: AgentPresenceDocument, transition: PresenceTransition): Promise<void> {
    if (!(await this.repository.write(record, transition))) return;
    const { from, to, reason, at } = transition;
    this.transitions.inc({ from, to });
    const notice: AiwmPresenceChangedNotice = { orgId: record.orgId, agentId: record._id.toHexString(), from, to, reason, at: at.toISOString() };
    this.bus.notify(AIWM_NOTICES.presenceChanged, notice);
  }
}

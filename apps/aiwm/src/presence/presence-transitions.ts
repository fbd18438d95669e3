import { AIWM_CONNECTION_STATUSES } from '@agentfleet/contracts';
import { Bus, Leases, LOG, Metrics, type Log } from '@agentfleet/platform';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { Counter } from 'prom-client';
import { AgentRepository } from '../agent-records/agent.repository';
import { PresenceHistoryRepository } from './presence-history.repository';
import type { AgentPresenceDocument, PresenceTransition } from './presence.schema';
import { PresenceService } from './presence.service';

const MAX_PERIOD_MS = 5000;
const AT_ONCE = 50;

/**
 * Records every change of presence once: in the history and as a notice. One replica at a time sweeps for those that time
 * brings; those that a request causes are recorded at once by the replica that answered it. Reads never wait for it.
 */
@Injectable()
export class PresenceTransitions implements OnModuleInit {
  private readonly transitions: Counter<'from' | 'to'>;

  constructor(
    private readonly repository: PresenceHistoryRepository,
    private readonly agents: AgentRepository,
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
    this.leases.every('aiwm.presence', { periodMs, leaseMs: 3 * periodMs + 2000 }, async () => this.record(await this.repository.candidates()));
    this.presence.onChange((agentIds) => {
      const recorded = this.repository.records(agentIds).then((records) => this.record(records));
      recorded.catch((error: unknown) => this.log.warn({ err: error }, 'A change of presence was not recorded; the next sweep does it'));
    });
  }

  newest(agentId: string, limit: number): Promise<readonly PresenceTransition[]> {
    return this.repository.newest(agentId, limit);
  }

  private async record(records: readonly AgentPresenceDocument[]): Promise<void> {
    const subjects = await this.agents.presenceSubjects(records.map(({ _id }) => _id));
    const live = records.filter(({ _id }) => subjects.has(_id.toHexString()));
    await this.repository.gone(records.filter(({ _id }) => !subjects.has(_id.toHexString())).map(({ _id }) => _id));
    for (let i = 0; i < live.length; i += AT_ONCE) {
      await Promise.all(
        live.slice(i, i + AT_ONCE).map((record) => {
          const subject = subjects.get(record._id.toHexString());
          return subject && this.recordOne(record, this.presence.transitionOf(subject, record));
        }),
      );
    }
  }

  private async recordOne(record: AgentPresenceDocument, transition: PresenceTransition | undefined): Promise<void> {
    if (record.unwritten) await this.publish(record, record.unwritten); // left by a replica that died, unless it is just writing it
    if (transition && (await this.repository.claim(record, transition))) await this.publish(record, transition);
  }

  private async publish(record: AgentPresenceDocument, transition: PresenceTransition): Promise<void> {
    if (!(await this.repository.write(record, transition))) return;
    const { from, to, reason, at } = transition;
    this.transitions.inc({ from, to });
    this.bus.notify('agent.presence.changed', { orgId: record.orgId, agentId: record._id.toHexString(), from, to, reason, at: at.toISOString() });
  }
}

import { applyProbe, type ProbeResult } from '@agentfleet/health';
import { CLOCK, ENV, LOG, Leases, Metrics, type Clock, type Log } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { AgentDirectory } from '../agents/agent-directory';
import type { VpsBridgeEnv } from '../env';
import { HealthRepository, type StoredHealth } from '../health-records/health.repository';
import { HealthWriter } from '../health-records/health-writer';
import { VpsClient } from '../vps-client/vps-client';

const PROBE_TIMEOUT_MS = 5000;
const LEASE_MS = 20_000;
const TICKS_PER_INTERVAL = 20;
const AT_ONCE = 100;
const REACHED_BELOW = 500;

/**
 * Looks after unreachable agents, by one replica at a time: one that answers is tried by the next call. Agents in other
 * states are left alone, since a good `/health` beside failing calls would be a lie.
 */
@Injectable()
export class Prober {
  /** When each unreachable agent is due, by its id. */
  private due = new Map<string, number>();
  private readonly probes;

  constructor(
    @Inject(ENV) private readonly env: VpsBridgeEnv,
    leases: Leases,
    private readonly health: HealthRepository,
    private readonly writer: HealthWriter,
    private readonly agents: AgentDirectory,
    private readonly client: VpsClient,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
    metrics: Metrics,
  ) {
    this.probes = metrics.counter({ name: 'vps_probes_total', help: 'Probes of unreachable agents', labelNames: ['result'] });
    const intervalMs = env.VPS_PROBE_INTERVAL_MS;
    if (intervalMs === 0) return;
    const periodMs = Math.min(2000, Math.max(50, Math.round(intervalMs / TICKS_PER_INTERVAL)));
    leases.every('vps-probes', { periodMs, leaseMs: LEASE_MS }, () => this.probeDue());
  }

  private async probeDue(): Promise<void> {
    const unreachable = await this.health.listUnreachable();
    const nowMs = this.clock.now();
    const known = this.due;
    this.due = new Map(unreachable.map(({ agentId, state }) => [agentId, known.get(agentId) ?? this.nextAt(state.lastProbe?.atMs ?? nowMs)]));
    const now = unreachable.filter(({ agentId }) => (this.due.get(agentId) ?? 0) <= nowMs).slice(0, AT_ONCE);
    await Promise.all(now.map((one) => this.probe(one)));
  }

  /** Up to 10 % early, so that an agent that is back is seen within one interval. */
  private nextAt(lastMs: number): number {
    return lastMs + this.env.VPS_PROBE_INTERVAL_MS * (0.9 + 0.05 * this.clock.random());
  }

  private async probe(record: StoredHealth): Promise<void> {
    const startedAtMs = this.clock.now();
    this.due.set(record.agentId, this.nextAt(startedAtMs));
    try {
      const known = await this.agents.find(record.orgId, record.name);
      if (known === undefined || known.agent.id !== record.agentId) return;
      const { statusCode, errorCode } = await this.client.probe(known.target, PROBE_TIMEOUT_MS);
      const reached = statusCode !== null && statusCode < REACHED_BELOW;
      this.probes.inc({ result: reached ? 'reached' : 'failed' });
      await this.write(record, startedAtMs, { atMs: this.clock.now(), reached, statusCode, errorCode: reached ? null : errorCode });
    } catch (error) {
      this.log.warn({ err: error }, 'A probe could not be made or stored; it is tried again');
    }
  }

  private async write(record: StoredHealth, startedAtMs: number, probe: ProbeResult): Promise<void> {
    for (let health: StoredHealth | null = record; health !== null; health = await this.health.findById(record.agentId)) {
      if (health.state.epochMs > startedAtMs) return; // reset meanwhile: the probe spoke of what is gone
      const state = applyProbe(health.state, probe);
      if (!(await this.health.replaceIf(health.agentId, health.version, state))) continue;
      this.writer.replaced({ ...health, version: health.version + 1, state }, [{ before: health.state, after: state, atMs: probe.atMs }]);
      return;
    }
  }
}

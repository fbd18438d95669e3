import type { AiwmHeartbeatBody } from '@agentfleet/contracts';
import type { WaitClock } from '@agentfleet/resilience';
import type { SecretSafeLog } from './agent-log';
import type { AgentRecord } from './agent-record';
import type { AiwmConnection, Live } from './aiwm-connection';
import type { AiwmRequests, RequestResult } from './aiwm-requests';
import type { ClientModes } from './client-modes';
import { namedRevision } from './configuration-document';
import type { ConfigurationManager } from './configuration-manager';
import type { HeartbeatReport } from './heartbeat-report';
import { rest, spread } from './pauses';
import { wallClockMs } from './system-clock';

interface HeartbeatPorts {
  readonly requests: AiwmRequests;
  readonly clock: WaitClock;
  readonly log: SecretSafeLog;
  readonly record: AgentRecord;
  readonly modes: ClientModes;
  readonly connection: AiwmConnection;
  readonly configuration: ConfigurationManager;
  /** Status and metrics; must not throw. */
  readonly report: () => HeartbeatReport;
}

/** Tells AIWM that the agent is there: right after each connect and at the interval after that, one at a time. */
export class Heartbeats {
  private running: AbortSignal | null = null;
  private isDue = false;
  private pause = new AbortController();
  private beating: Promise<void> = Promise.resolve();

  constructor(private readonly ports: HeartbeatPorts) {}

  /** Without waiting for the interval; begins the beating of this mode if it does not beat yet. */
  beatNow(): void {
    const { signal } = this.ports.modes;
    this.isDue = true;
    this.pause.abort();
    if (this.running !== signal) void this.keepBeating(signal);
  }

  /** The end of the one under way. */
  async finished(): Promise<void> {
    await this.beating;
  }

  private async keepBeating(signal: AbortSignal): Promise<void> {
    const { clock, log, connection } = this.ports;
    this.running = signal;
    await this.beating;
    while (!signal.aborted && connection.live) {
      const startedAtMs = clock.monotonicMs();
      const intervalMs = spread(connection.live.heartbeatIntervalMs, 0.05, clock);
      this.isDue = false;
      this.beating = this.beat(connection.live).catch((error: unknown) => log.error({ error: String(error) }, 'Heartbeat'));
      await this.beating;
      if (this.isDue) continue;
      this.pause = new AbortController();
      await rest(intervalMs - (clock.monotonicMs() - startedAtMs), AbortSignal.any([signal, this.pause.signal]), clock);
    }
  }

  private async beat(live: Live): Promise<void> {
    const { requests, record, log, modes, configuration, connection, report } = this.ports;
    const { signal } = modes;
    const { revision } = configuration.current;
    const running: Pick<AiwmHeartbeatBody, 'configRevision'> = revision === null ? {} : { configRevision: revision };
    const body: AiwmHeartbeatBody = { ...report(), ...running };
    const result = await requests.send('POST', 'heartbeat', { token: live.token, body });
    if (result.kind === 'answered' && result.status === 200) {
      record.counters.count('aiwm_heartbeat_success_total');
      record.lastHeartbeatAt = new Date(wallClockMs()).toISOString();
      record.lastError = null;
      const named = namedRevision(result.body);
      if (named === null || named === revision || signal.aborted) return;
      return configuration.fetchFrom(requests, live.token, signal, () => connection.live === live);
    }
    record.counters.count('aiwm_heartbeat_failure_total');
    record.lastError = `heartbeat: ${result.error}`;
    log.warn({ error: result.error }, 'Heartbeat failed');
    if (!signal.aborted) await this.afterRefusal(result, live);
  }

  /** Network trouble, 429 and 5xx are left to the next heartbeat. */
  private async afterRefusal(result: RequestResult, live: Live): Promise<void> {
    const { connection } = this.ports;
    if (result.kind === 'failed') return;
    if (result.status === 404) connection.stopForGood();
    // With a token that has been replaced meanwhile the refusal says nothing about the new one.
    if ((result.status === 401 || result.status === 403) && connection.live === live) await connection.renew();
  }
}

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { WaitClock } from '@agentfleet/resilience';
import { readAgentEnvironment, type AgentEnvironment, type Variables } from './agent-environment';
import { EventListeners, type AgentEvents } from './agent-events';
import { answerHealth, closeHealthServer, startHealthServer, type AgentHealth } from './agent-health';
import { SecretSafeLog, stderrLog, type AgentLog } from './agent-log';
import type { AgentCounter } from './agent-measures';
import { AgentRecord } from './agent-record';
import { AgentSettings } from './agent-settings';
import { AiwmConnection, type OnSuspended } from './aiwm-connection';
import { AiwmRequests } from './aiwm-requests';
import { ClientModes } from './client-modes';
import type { ConfigurationDocument } from './configuration-document';
import { ConfigurationManager } from './configuration-manager';
import { heartbeatReport, type ReportCallbacks } from './heartbeat-report';
import { Heartbeats } from './heartbeats';
import { systemClock } from './system-clock';

export interface AgentClientOptions extends ReportCallbacks {
  /** Default `process.env`. */
  readonly variables?: Variables;
  /** Stop at SIGINT and SIGTERM, and end the process after that; default false. */
  readonly handleSignals?: boolean;
  /**
   * What to do while an administrator has suspended the agent in AIWM: `stop` (default; it goes on by itself when the
   * suspension is lifted), or `continue` with local configuration, as while AIWM cannot be reached.
   */
  readonly onSuspended?: OnSuspended;
  /** Where the health server listens when `AGENT_HEALTH_PORT` is set; default 127.0.0.1. */
  readonly healthHost?: string;
  readonly log?: AgentLog;
  readonly clock?: WaitClock;
  readonly fetch?: typeof fetch;
}

const DISCONNECT_TIMEOUT_MS = 2000;
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** What talks to AIWM; there is none when AIWM is off. */
interface AiwmSide {
  readonly requests: AiwmRequests;
  readonly connection: AiwmConnection;
  readonly heartbeats: Heartbeats;
}

/** Keeps one agent connected to AIWM: token, configuration, heartbeats. Nothing that AIWM does or fails to do throws into the agent. */
export class AgentClient {
  readonly environment: AgentEnvironment;
  readonly settings: AgentSettings;
  private readonly log: SecretSafeLog;
  private readonly listeners: EventListeners;
  private readonly record = new AgentRecord();
  private readonly modes: ClientModes;
  private readonly manager: ConfigurationManager;
  private readonly aiwm: AiwmSide | null;
  private starting: Promise<void> | null = null;
  private stopping: Promise<void> | null = null;
  private server: Server | null = null;
  private readonly signalHandlers = new Map<NodeJS.Signals, () => void>();

  /** @throws Error that names the variable to mend. */
  constructor(private readonly options: AgentClientOptions = {}) {
    const variables = options.variables ?? process.env;
    this.environment = readAgentEnvironment(variables);
    const log = new SecretSafeLog(options.log ?? stderrLog, this.environment.aiwm?.secret ?? '');
    const listeners = new EventListeners((error) => log.error({ error: String(error) }, 'A listener of the agent client threw'));
    const { instructionFile } = this.environment;
    this.log = log;
    this.listeners = listeners;
    this.modes = new ClientModes(listeners);
    this.manager = new ConfigurationManager({ log, listeners, instructionFile, record: this.record });
    this.settings = new AgentSettings(() => this.manager.current.settings, variables);
    this.aiwm = this.makeAiwmSide();
  }

  /** What is in force: AIWM's configuration, or the local one. */
  get configuration(): ConfigurationDocument {
    return this.manager.current;
  }

  /** For the agent's own requests; null while there is none. */
  get token(): string | null {
    return this.aiwm?.connection.live?.token ?? null;
  }

  /** Where the health server listens; null when there is none. */
  get healthPort(): number | null {
    const address: AddressInfo | string | null = this.server?.address() ?? null;
    return typeof address === 'object' ? (address?.port ?? null) : null;
  }

  /** Returns what ends the listening. */
  on<N extends keyof AgentEvents>(name: N, listener: (event: AgentEvents[N]) => void): () => void {
    return this.listeners.on(name, listener);
  }

  /** Resolves once a configuration is in force, AIWM's or (after the retries) the local one. Rejects only when the health port is taken. */
  start(): Promise<void> {
    return (this.starting ??= this.begin());
  }

  /** No new heartbeat, the one under way ends, AIWM hears of it (2 s at most). */
  stop(reason = 'shutdown'): Promise<void> {
    return (this.stopping ??= this.end(reason));
  }

  /** A new token, for an agent whose own request was answered 401; shared, at most once a minute. True when there is a new one. */
  renewToken(): Promise<boolean> {
    return this.aiwm?.connection.renew() ?? Promise.resolve(false);
  }

  health(): AgentHealth {
    const { lastError, lastHeartbeatAt, isSuspended } = this.record;
    const { mode } = this.modes;
    const connected = this.aiwm?.connection.isConnected ?? false;
    const isWell = this.aiwm === null ? mode === 'local' : connected && lastError === null;
    const tokenExpiresAt = this.aiwm?.connection.live?.tokenExpiresAt ?? null;
    return { status: isWell ? 'ok' : 'degraded', aiwm: { mode, connected, ...(isSuspended ? { suspended: true } : {}), lastHeartbeatAt, lastError, tokenExpiresAt, configRevision: this.configuration.revision } };
  }

  /** Prometheus text. */
  metrics(): string {
    return this.record.counters.text();
  }

  counter(name: AgentCounter): number {
    return this.record.counters.valueOf(name);
  }

  /** For the agent's own HTTP server: answers `/health` and `/metrics`; false for everything else. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    return answerHealth(this, request, response);
  }

  private makeAiwmSide(): AiwmSide | null {
    const { aiwm } = this.environment;
    if (!aiwm) return null;
    const { options, log, listeners, record, modes, manager: configuration } = this;
    const { onSuspended = 'stop' } = options;
    const clock = options.clock ?? systemClock;
    const call: typeof fetch = options.fetch ?? ((...parameters) => fetch(...parameters));
    const requests = new AiwmRequests(aiwm, { fetch: call, clock, log });
    const shared = { requests, clock, log, record, modes, configuration };
    const connection: AiwmConnection = new AiwmConnection({ ...shared, listeners, onSuspended, secret: aiwm.secret, onConnected: () => heartbeats.beatNow() });
    const heartbeats = new Heartbeats({ ...shared, connection, report: heartbeatReport(options, log) });
    return { requests, connection, heartbeats };
  }

  private async begin(): Promise<void> {
    if (this.stopping) return;
    if (this.options.handleSignals === true) this.listenForSignals();
    const { healthPort, agentName } = this.environment;
    if (healthPort !== null) this.server = await startHealthServer(this, healthPort, this.options.healthHost ?? '127.0.0.1');
    if (this.aiwm) return this.aiwm.connection.start();
    await this.manager.takeLocal(this.modes.signal);
    this.log.info({ agent: agentName }, 'AIWM is off; running on local configuration');
  }

  private async end(reason: string): Promise<void> {
    this.modes.endWork();
    await this.starting?.catch(() => undefined);
    await this.aiwm?.heartbeats.finished();
    const token = this.modes.mode === 'aiwm' ? this.token : null;
    if (this.aiwm && token !== null) {
      await this.aiwm.requests.send('POST', 'disconnect', { token, body: { reason: reason.slice(0, 200) }, timeoutMs: DISCONNECT_TIMEOUT_MS });
    }
    this.aiwm?.connection.forget();
    this.modes.end(reason);
    if (this.server) await closeHealthServer(this.server);
    for (const [signal, handler] of this.signalHandlers) process.removeListener(signal, handler);
    const { lastHeartbeatAt, lastError, configRevision } = this.health().aiwm;
    this.log.info({ reason, lastHeartbeatAt, lastError, configRevision }, 'Agent client stopped');
  }

  private listenForSignals(): void {
    for (const signal of SIGNALS) {
      // Sent again without our handlers, so that the process ends as it would have without us, or as the agent wants.
      const handler = () => void this.stop(signal).finally(() => process.kill(process.pid, signal));
      this.signalHandlers.set(signal, handler);
      process.on(signal, handler);
    }
  }
}

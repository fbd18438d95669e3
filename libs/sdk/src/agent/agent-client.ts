import { readFile } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonObject } from '@agentfleet/contracts';
import type { WaitClock } from '@agentfleet/resilience';
import { readAgentEnvironment, type AgentEnvironment, type Variables } from './agent-environment';
import { EventListeners, type AgentEvents } from './agent-events';
import { answerHealth, closeHealthServer, startHealthServer, type AgentHealth, type AgentMode } from './agent-health';
import { SecretSafeLog, stderrLog, type AgentLog } from './agent-log';
import { AgentCounters, ProcessMeter, type AgentCounter } from './agent-measures';
import { AgentSettings } from './agent-settings';
import { AiwmRequests, type RequestResult } from './aiwm-requests';
import { changedKeys, namedRevision, parseConfiguration, type ConfigurationDocument, type Connection } from './configuration-document';
import { connectOnce, connectWithRetries, type ConnectOutcome } from './connect-agent';
import { systemClock } from './system-clock';

export type AgentStatus = 'online' | 'busy' | 'idle';

export interface AgentClientOptions {
  /** Default `process.env`. */
  readonly variables?: Variables;
  /** What the next heartbeat says; default `online`. */
  readonly status?: () => AgentStatus;
  /** Added to what is measured of the process. */
  readonly metrics?: () => JsonObject;
  /** Replaces the count of the process's open TCP connections. */
  readonly activeConnections?: () => number;
  /** Stop at SIGINT and SIGTERM, and end the process after that; default false. */
  readonly handleSignals?: boolean;
  /** Where the health server listens when `AGENT_HEALTH_PORT` is set; default 127.0.0.1. */
  readonly healthHost?: string;
  readonly log?: AgentLog;
  readonly clock?: WaitClock;
  readonly fetch?: typeof fetch;
}

const RETRY_FROM_LOCAL_MS = 300_000;
const RECONNECT_AT_MOST_EVERY_MS = 60_000;
const DISCONNECT_TIMEOUT_MS = 2000;
const LOCAL: ConfigurationDocument = { instruction: '', tools: [], settings: {}, mcpServers: {}, revision: null };
/** Until there is a first configuration. */
const NOTHING: ConfigurationDocument = { ...LOCAL };

interface Live extends Connection {
  /** On the clock of the client. */
  readonly expiresAtMs: number;
  readonly tokenExpiresAt: string;
}

/** Keeps one agent connected to AIWM: token, configuration, heartbeats. Nothing that AIWM does or fails to do throws into the agent. */
export class AgentClient {
  readonly environment: AgentEnvironment;
  readonly settings: AgentSettings;
  private readonly clock: WaitClock;
  private readonly log: SecretSafeLog;
  private readonly requests: AiwmRequests | null;
  private readonly listeners: EventListeners;
  private readonly counters = new AgentCounters();
  private readonly meter: ProcessMeter;
  private mode: AgentMode = 'local';
  private live: Live | null = null;
  private document: ConfigurationDocument = NOTHING;
  /** Ends what belongs to the present mode: its loops, pauses and connects. */
  private period = new AbortController();
  private refreshing = new AbortController();
  private pause = new AbortController();
  private beatDue = false;
  private beating: Promise<void> = Promise.resolve();
  private reconnecting: Promise<ConnectOutcome> | null = null;
  private lastReconnectAtMs = Number.NEGATIVE_INFINITY;
  private lastHeartbeatAt: string | null = null;
  private lastError: string | null = null;
  private starting: Promise<void> | null = null;
  private stopping: Promise<void> | null = null;
  private server: Server | null = null;

  /** @throws Error that names the variable to mend. */
  constructor(private readonly options: AgentClientOptions = {}) {
    const variables = options.variables ?? process.env;
    this.environment = readAgentEnvironment(variables);
    this.clock = options.clock ?? systemClock;
    this.log = new SecretSafeLog(options.log ?? stderrLog);
    this.meter = new ProcessMeter(options.activeConnections);
    this.settings = new AgentSettings(() => this.document.settings, variables);
    this.listeners = new EventListeners((error) => this.log.error({ error: String(error) }, 'A listener of the agent client threw'));
    const { aiwm } = this.environment;
    const call: typeof fetch = options.fetch ?? ((...parameters) => fetch(...parameters));
    this.requests = aiwm && new AiwmRequests(aiwm, { fetch: call, clock: this.clock, log: this.log });
    if (aiwm) this.log.hide([aiwm.secret], []);
  }

  /** What is in force: AIWM's configuration, or the local one. */
  get configuration(): ConfigurationDocument {
    return this.document;
  }

  /** For the agent's own requests; null while there is none. */
  get token(): string | null {
    return this.live?.token ?? null;
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
  async renewToken(): Promise<boolean> {
    if (this.mode !== 'aiwm') return false;
    if (!this.reconnecting && this.clock.now() - this.lastReconnectAtMs < RECONNECT_AT_MOST_EVERY_MS) return false;
    const outcome = await this.reconnect();
    if (outcome.kind === 'failed' || outcome.kind === 'refused') await this.useLocal(outcome.error, outcome.retryAfterMs);
    return outcome.kind === 'connected';
  }

  health(): AgentHealth {
    const connected = this.mode === 'aiwm' && this.live !== null && this.clock.now() < this.live.expiresAtMs;
    const isWell = this.requests === null ? this.mode === 'local' : connected && this.lastError === null;
    return {
      status: isWell ? 'ok' : 'degraded',
      aiwm: {
        mode: this.mode,
        connected,
        lastHeartbeatAt: this.lastHeartbeatAt,
        lastError: this.lastError,
        tokenExpiresAt: this.live?.tokenExpiresAt ?? null,
        configRevision: this.document.revision,
      },
    };
  }

  /** Prometheus text. */
  metrics(): string {
    return this.counters.text();
  }

  counter(name: AgentCounter): number {
    return this.counters.valueOf(name);
  }

  /** For the agent's own HTTP server: answers `/health` and `/metrics`; false for everything else. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    return answerHealth(this, request, response);
  }

  private async begin(): Promise<void> {
    if (this.options.handleSignals === true) this.listenForSignals();
    const { healthPort } = this.environment;
    if (healthPort !== null) this.server = await startHealthServer(this, healthPort, this.options.healthHost ?? '127.0.0.1');
    if (this.requests === null) {
      await this.readLocal();
      this.log.info({ agent: this.environment.agentName }, 'AIWM is off; running on local configuration');
      return;
    }
    const outcome = await this.connect(connectWithRetries);
    if (outcome.kind === 'failed' || outcome.kind === 'refused') await this.useLocal(outcome.error, outcome.retryAfterMs);
  }

  /** One connect or a series; what it brought is taken over here, and 404 ends everything. */
  private async connect(how: typeof connectOnce): Promise<ConnectOutcome> {
    const { aiwm } = this.environment;
    if (!aiwm || !this.requests) return { kind: 'aborted', error: 'AIWM is off', retryAfterMs: null };
    const onFailure = (error: string) => {
      this.counters.count('aiwm_connection_failure_total');
      this.lastError = `connect: ${error}`;
      this.log.warn({ error }, 'Could not connect to AIWM');
    };
    const { signal } = this.period;
    const outcome = await how({ requests: this.requests, secret: aiwm.secret, clock: this.clock, signal, onFailure });
    if (signal.aborted) return { kind: 'aborted', error: 'given up', retryAfterMs: null };
    if (outcome.kind === 'connected') this.adopt(outcome.connection);
    if (outcome.kind === 'unknown') this.stopForGood('AIWM does not know this agent (any more)');
    return outcome;
  }

  private reconnect(): Promise<ConnectOutcome> {
    if (this.reconnecting) return this.reconnecting;
    this.lastReconnectAtMs = this.clock.now();
    const attempt = this.connect(connectWithRetries)
      .then((outcome) => {
        if (outcome.kind === 'connected') this.counters.count('aiwm_token_refresh_total');
        return outcome;
      })
      .finally(() => (this.reconnecting = null));
    return (this.reconnecting = attempt);
  }

  private adopt(connection: Connection): void {
    const { secret = '' } = this.environment.aiwm ?? {};
    this.log.hide([secret], [connection.token, this.live?.token ?? '']);
    const { expiresInMs } = connection;
    this.live = { ...connection, expiresAtMs: this.clock.now() + expiresInMs, tokenExpiresAt: new Date(Date.now() + expiresInMs).toISOString() };
    this.lastError = null;
    this.counters.count('aiwm_connection_success_total');
    this.takeOver(connection.configuration);
    this.log.info({ configRevision: this.document.revision, expiresInMs, token: connection.token }, 'Connected to AIWM');
    this.refreshing.abort();
    this.refreshing = new AbortController();
    this.beatDue = true;
    this.pause.abort();
    if (this.mode !== 'aiwm') {
      this.enter('aiwm', 'connected');
      void this.keepBeating(this.period.signal);
    }
    void this.refreshInTime(AbortSignal.any([this.period.signal, this.refreshing.signal]), this.live);
    this.listeners.emit('connected', { configRevision: this.document.revision });
  }

  private takeOver(next: ConfigurationDocument): void {
    const before = this.document;
    const isFirst = before === NOTHING;
    this.document = next;
    const keys = changedKeys(before, next);
    if (isFirst || keys.length === 0) return;
    if (this.live) this.counters.count('aiwm_config_update_total');
    this.log.info({ changedKeys: keys.join(' '), previousRevision: before.revision, revision: next.revision }, 'Configuration changed');
    this.listeners.emit('configuration', { changedKeys: keys, previousRevision: before.revision, revision: next.revision });
  }

  private enter(mode: AgentMode, reason: string): void {
    this.period.abort();
    this.period = new AbortController();
    const from = this.mode;
    this.mode = mode;
    if (from !== mode) this.listeners.emit('mode', { from, to: mode, reason });
  }

  private async useLocal(reason: string, retryAfterMs: number | null): Promise<void> {
    if (this.mode === 'stopped' || this.stopping) return;
    this.log.warn({ reason }, 'Running on local configuration; trying AIWM again every five minutes');
    this.live = null;
    this.enter('local', reason);
    const { signal } = this.period;
    void this.retryFromLocal(signal, retryAfterMs);
    await this.readLocal();
  }

  private async readLocal(): Promise<void> {
    const { signal } = this.period;
    const instruction = await readFile(this.environment.instructionFile, 'utf8').catch(() => '');
    if (signal.aborted) return;
    this.takeOver({ ...LOCAL, instruction });
  }

  private async retryFromLocal(signal: AbortSignal, firstRetryAfterMs: number | null): Promise<void> {
    let askedMs = firstRetryAfterMs ?? 0;
    while (await this.rest(Math.max(askedMs, this.spread(RETRY_FROM_LOCAL_MS, 0.1)), signal)) {
      const outcome = await this.connect(connectOnce);
      if (outcome.kind === 'connected') return;
      askedMs = outcome.retryAfterMs ?? 0;
    }
  }

  private async refreshInTime(signal: AbortSignal, live: Live): Promise<void> {
    let waitMs = Math.max(1000, live.expiresInMs * (23 / 24) * (1 - 0.05 * this.clock.random()));
    while (await this.rest(waitMs, signal)) {
      const outcome = await this.reconnect();
      if (signal.aborted || outcome.kind === 'connected') return;
      const leftMs = live.expiresAtMs - this.clock.now();
      if (leftMs <= 0) return this.useLocal(outcome.error, outcome.retryAfterMs);
      waitMs = Math.min(leftMs, this.spread(RETRY_FROM_LOCAL_MS, 0.1));
    }
  }

  private async keepBeating(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startedAtMs = this.clock.now();
      this.beatDue = false;
      this.beating = this.beat().catch((error: unknown) => this.log.error({ error: String(error) }, 'Heartbeat'));
      await this.beating;
      if (this.beatDue) continue;
      this.pause = new AbortController();
      const intervalMs = this.spread(this.live?.heartbeatIntervalMs ?? RECONNECT_AT_MOST_EVERY_MS, 0.05);
      await this.rest(intervalMs - (this.clock.now() - startedAtMs), AbortSignal.any([signal, this.pause.signal]));
    }
  }

  private async beat(): Promise<void> {
    const { live, requests } = this;
    if (!live || !requests) return;
    const { revision } = this.document;
    const body = { ...this.report(), ...(revision === null ? {} : { configRevision: revision }) };
    const result = await requests.send('POST', 'heartbeat', { token: live.token, body });
    if (result.kind === 'answered' && result.status === 200) {
      this.counters.count('aiwm_heartbeat_success_total');
      this.lastHeartbeatAt = new Date().toISOString();
      this.lastError = null;
      const named = namedRevision(result.body);
      if (named !== null && named !== revision && !this.stopping) await this.fetchConfiguration(requests, live);
      return;
    }
    this.counters.count('aiwm_heartbeat_failure_total');
    this.lastError = `heartbeat: ${result.error}`;
    this.log.warn({ error: result.error }, 'Heartbeat failed');
    await this.afterRefusedBeat(result, live);
  }

  private async afterRefusedBeat(result: RequestResult, live: Live): Promise<void> {
    if (result.kind === 'failed' || this.stopping) return;
    if (result.status === 404) this.stopForGood('AIWM does not know this agent (any more)');
    // With a token that has been replaced meanwhile the refusal says nothing about the new one.
    if ((result.status === 401 || result.status === 403) && this.live === live) await this.renewToken();
  }

  /** What the callbacks say; one that throws costs its part, not the heartbeat. */
  private report(): JsonObject {
    const attempt = <T>(ask: () => T, otherwise: T): T => {
      try {
        return ask();
      } catch (error) {
        this.log.error({ error: String(error) }, 'A callback of the agent client threw');
        return otherwise;
      }
    };
    const measured = attempt((): JsonObject => ({ ...this.meter.measure() }), {});
    return { status: attempt(this.options.status ?? (() => 'online'), 'online'), metrics: { ...measured, ...attempt(this.options.metrics ?? (() => ({})), {}) } };
  }

  private async fetchConfiguration(requests: AiwmRequests, live: Live): Promise<void> {
    const { revision } = this.document;
    const headers: Record<string, string> = revision === null ? {} : { 'If-None-Match': `"r${revision}"` };
    const result = await requests.send('GET', 'config', { token: live.token, headers, signal: this.period.signal });
    // A server without the route (404) and one that sees no change (304) are fine; on trouble the next heartbeat asks again.
    if (result.kind === 'failed' || result.status !== 200 || this.live !== live) return;
    const parsed = parseConfiguration(result.body);
    if (parsed.ok) this.takeOver(parsed.value);
    else this.log.warn({ problem: parsed.problem }, 'AIWM sent a malformed configuration; keeping the present one');
  }

  private stopForGood(reason: string): void {
    if (this.mode === 'stopped') return;
    this.enter('stopped', reason);
    this.period.abort();
    this.live = null;
    this.log.error({ reason }, 'Agent client stopped');
    this.listeners.emit('stopped', { reason });
  }

  private async end(reason: string): Promise<void> {
    this.period.abort();
    await this.beating;
    const { live, requests, mode } = this;
    if (mode === 'aiwm' && live && requests) {
      await requests.send('POST', 'disconnect', { token: live.token, body: { reason: reason.slice(0, 200) }, timeoutMs: DISCONNECT_TIMEOUT_MS });
    }
    if (mode !== 'stopped') {
      this.enter('stopped', reason);
      this.period.abort();
      this.live = null;
      this.listeners.emit('stopped', { reason });
    }
    if (this.server) await closeHealthServer(this.server);
    this.log.info({ reason, lastHeartbeatAt: this.lastHeartbeatAt, lastError: this.lastError }, 'Agent client stopped');
  }

  private listenForSignals(): void {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      // Sent again without our handler, so that the process ends as it would have without us, or as the agent wants.
      process.once(signal, () => void this.stop(signal).finally(() => process.kill(process.pid, signal)));
    }
  }

  private spread(ms: number, share: number): number {
    return ms * (1 - share + 2 * share * this.clock.random());
  }

  /** True after the pause, false when it was cut short. */
  private async rest(ms: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    await this.clock.sleep(Math.max(0, ms), signal).catch(() => undefined);
    return !signal.aborted;
  }
}

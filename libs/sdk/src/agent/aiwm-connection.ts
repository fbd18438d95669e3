import type { WaitClock } from '@agentfleet/resilience';
import type { EventListeners } from './agent-events';
import type { SecretSafeLog } from './agent-log';
import type { AgentRecord } from './agent-record';
import type { AiwmRequests } from './aiwm-requests';
import type { ClientModes } from './client-modes';
import type { Connection } from './configuration-document';
import type { ConfigurationManager } from './configuration-manager';
import { connectOnce, connectWithRetries, type ConnectOutcome } from './connect-agent';
import { rest, spread } from './pauses';
import { wallClockMs } from './system-clock';

const TRY_AGAIN_MS = 300_000;
/** What an agent does while an administrator has suspended it in AIWM. */
export type OnSuspended = 'stop' | 'continue';
const SUSPENDED = 'AIWM has suspended this agent';

const RENEW_AT_MOST_EVERY_MS = 60_000;

/** A token with what came with it. */
export interface Live extends Connection {
  /** On the clock of the client. */
  readonly expiresAtMs: number;
  readonly tokenExpiresAt: string;
}

interface ConnectionPorts {
  readonly requests: AiwmRequests;
  readonly secret: string;
  readonly clock: WaitClock;
  readonly log: SecretSafeLog;
  readonly record: AgentRecord;
  readonly listeners: EventListeners;
  readonly modes: ClientModes;
  readonly configuration: ConfigurationManager;
  readonly onSuspended: OnSuspended;
  /** A token is there, the first or a new one. */
  readonly onConnected: () => void;
}

/** The life of the agent's token: connect, renewal in time, and local mode with its tries while AIWM refuses or is away. */
export class AiwmConnection {
  private present: Live | null = null;
  private refreshing = new AbortController();
  private reconnecting: Promise<ConnectOutcome> | null = null;
  private renewing: Promise<boolean> | null = null;
  private lastReconnectAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly ports: ConnectionPorts) {}

  /** Null while there is no token. */
  get live(): Live | null {
    return this.present;
  }

  get isConnected(): boolean {
    const { clock, modes } = this.ports;
    return modes.mode === 'aiwm' && this.present !== null && clock.monotonicMs() < this.present.expiresAtMs;
  }

  /** Resolves once a configuration is in force. */
  async start(): Promise<void> {
    await this.orLocal(await this.connect(connectWithRetries));
  }

  /** A new token after a refusal: one attempt, shared by all who want it, at most once a minute. True when there is a new one. */
  renew(): Promise<boolean> {
    return (this.renewing ??= this.renewNow().finally(() => (this.renewing = null)));
  }

  /** AIWM does not know the agent: it never will again. */
  stopForGood(): void {
    const { modes, log } = this.ports;
    if (modes.isOver) return;
    const reason = 'AIWM does not know this agent (any more)';
    this.forget();
    log.error({ reason }, 'Agent client stopped');
    modes.end(reason);
  }

  forget(): void {
    this.present = null;
  }

  private async renewNow(): Promise<boolean> {
    const { clock, modes } = this.ports;
    if (modes.mode !== 'aiwm') return false;
    if (!this.reconnecting && clock.monotonicMs() - this.lastReconnectAtMs < RENEW_AT_MOST_EVERY_MS) return false;
    const { signal } = modes;
    const outcome = await this.reconnect();
    // shared with the renewal in time: who hears of the outcome first leaves the mode and tells it, once
    if (!signal.aborted) await this.orLocal(outcome);
    return outcome.kind === 'connected';
  }

  /** One connect or a series; what it brought is taken over here, and 404 ends everything. */
  private async connect(how: typeof connectOnce): Promise<ConnectOutcome> {
    const { requests, secret, clock, record, log, modes } = this.ports;
    const onFailure = (error: string) => {
      record.counters.count('aiwm_connection_failure_total');
      record.lastError = `connect: ${error}`;
      log.warn({ error }, 'Could not connect to AIWM');
    };
    const { signal } = modes;
    const outcome = await how({ requests, secret, clock, signal, onFailure });
    if (signal.aborted) return { kind: 'aborted', error: 'given up', retryAfterMs: null };
    if (outcome.kind === 'connected') this.adopt(outcome.connection);
    if (outcome.kind === 'unknown') this.stopForGood();
    return outcome;
  }

  private reconnect(): Promise<ConnectOutcome> {
    if (this.reconnecting) return this.reconnecting;
    const { clock, record } = this.ports;
    this.lastReconnectAtMs = clock.monotonicMs();
    const attempt = this.connect(connectWithRetries)
      .then((outcome) => {
        if (outcome.kind === 'connected') record.counters.count('aiwm_token_refresh_total');
        return outcome;
      })
      .finally(() => (this.reconnecting = null));
    return (this.reconnecting = attempt);
  }

  private adopt(connection: Connection): void {
    const { clock, log, record, modes, configuration, listeners, onConnected } = this.ports;
    const { expiresInMs, token } = connection;
    log.hideToken(token);
    const live = { ...connection, expiresAtMs: clock.monotonicMs() + expiresInMs, tokenExpiresAt: new Date(wallClockMs() + expiresInMs).toISOString() };
    this.present = live;
    record.lastError = null;
    record.isSuspended = false;
    record.counters.count('aiwm_connection_success_total');
    configuration.takeOver(connection.configuration);
    const { revision } = configuration.current;
    log.info({ configRevision: revision, expiresInMs, token }, 'Connected to AIWM');
    this.refreshing.abort();
    this.refreshing = new AbortController();
    if (modes.mode !== 'aiwm') modes.enter('aiwm', 'connected');
    void this.refreshInTime(AbortSignal.any([modes.signal, this.refreshing.signal]), live);
    listeners.emit('connected', { configRevision: revision });
    // Last, so that the agent has taken its configuration over before AIWM hears that it is there.
    onConnected();
  }

  /** At 23/24 of the token's life. The old token serves until the new one is there, and as long as it lasts. */
  private async refreshInTime(signal: AbortSignal, live: Live): Promise<void> {
    const { clock } = this.ports;
    let waitMs = Math.max(1000, live.expiresInMs * (23 / 24) * (1 - 0.05 * clock.random()));
    while (await rest(waitMs, signal, clock)) {
      const outcome = await this.reconnect();
      if (signal.aborted || outcome.kind === 'connected') return;
      const leftMs = live.expiresAtMs - clock.monotonicMs();
      if (leftMs <= 0 || outcome.kind === 'suspended') return this.orLocal(outcome);
      waitMs = Math.min(leftMs, spread(TRY_AGAIN_MS, 0.1, clock));
    }
  }

  /** Local configuration serves when a connect brought nothing; AIWM is asked again in a while. */
  private async orLocal(outcome: ConnectOutcome): Promise<void> {
    const { modes, log, configuration } = this.ports;
    if (outcome.kind === 'suspended') return this.suspended(outcome.retryAfterMs);
    if ((outcome.kind !== 'failed' && outcome.kind !== 'refused') || modes.signal.aborted) return;
    log.warn({ reason: outcome.error }, 'Running on local configuration; trying AIWM again every five minutes');
    this.forget();
    modes.enter('local', outcome.error);
    const { signal } = modes;
    void this.retryFromLocal(signal, outcome.retryAfterMs);
    await configuration.takeLocal(signal);
  }

  /**
   * An administrator wants the agent to rest: it stops until the suspension is lifted. Local configuration is for an AIWM
   * that cannot be asked, and serves here only an agent that was made to go on.
   */
  private async suspended(retryAfterMs: number | null): Promise<void> {
    const { modes, log, record, configuration, listeners, onSuspended } = this.ports;
    if (modes.signal.aborted) return;
    record.isSuspended = true;
    this.forget();
    const goesOn = onSuspended === 'continue';
    log.warn({ onSuspended }, `${SUSPENDED}; ${goesOn ? 'it goes on with its local configuration all the same' : 'it stops'}. AIWM is asked again every five minutes`);
    modes.enter(goesOn ? 'local' : 'stopped', SUSPENDED);
    const { signal } = modes;
    void this.retryFromLocal(signal, retryAfterMs);
    if (goesOn) await configuration.takeLocal(signal);
    else listeners.emit('stopped', { reason: SUSPENDED, suspended: true });
  }

  private async retryFromLocal(signal: AbortSignal, firstRetryAfterMs: number | null): Promise<void> {
    const { clock, record } = this.ports;
    let askedMs = firstRetryAfterMs ?? 0;
    while (await rest(Math.max(askedMs, spread(TRY_AGAIN_MS, 0.1, clock)), signal, clock)) {
      const outcome = await this.connect(connectOnce);
      if (outcome.kind === 'connected') return;
      if (outcome.kind === 'suspended' && !record.isSuspended) return this.orLocal(outcome); // it was away before
      askedMs = outcome.retryAfterMs ?? 0;
    }
  }
}

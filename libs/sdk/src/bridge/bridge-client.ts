import type {
  VpsAgentHealth,
  VpsAgentList,
  VpsAgentView,
  VpsCallAccepted,
  VpsCallBody,
  VpsCallKind,
  VpsCallList,
  VpsCallResult,
  VpsCallStatus,
  VpsCallView,
  VpsCleanup,
  VpsHealthSummary,
  VpsImported,
  VpsMessagePage,
  VpsRegisterBody,
  VpsRegistered,
  VpsSession,
  VpsSessionExport,
  VpsSessionList,
  VpsStatus,
  VpsStreamBody,
  VpsStreamEvent,
} from '@agentfleet/contracts';
import { noAnswer } from './bridge-error';
import { BridgeHttp, pause, type BridgeOptions, type KeyedOptions, type RequestOptions } from './bridge-http';
import { readEvents } from './event-reader';

/** Which calls to list; times are RFC 3339. */
export interface CallFilter {
  readonly agent_name?: string;
  readonly session_id?: string;
  readonly user_id?: string;
  readonly status?: VpsCallStatus;
  readonly kind?: VpsCallKind;
  readonly error_type?: string;
  readonly since?: string;
  readonly until?: string;
  /** 1 to 200; default 50. */
  readonly limit?: number;
  /** `next_cursor` of the page before. */
  readonly cursor?: string;
}

export interface SessionFilter {
  readonly user_id?: string;
  readonly active_since?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

/** Messages after a number (oldest first) or before one (newest first), not both. */
export interface MessageFilter {
  readonly after_seq?: number;
  readonly before_seq?: number;
  /** 1 to 1000; default 100. */
  readonly limit?: number;
}

const id = (text: string) => encodeURIComponent(text);
const POLL_MS = 250;

/**
 * Client of a vps-bridge. It needs `fetch`, `AbortController`, timers and `TextDecoder` and nothing else, so that it runs in Node, browsers and
 * edge workers. Every method throws `BridgeError` for an answer that is no success; a call whose agents all failed is a
 * success with `success: false`.
 */
export class BridgeClient {
  private readonly http: BridgeHttp;

  constructor(options: BridgeOptions) {
    this.http = new BridgeHttp(options);
  }

  /** Registers an agent, or replaces the one of this name as a whole. The agent is not contacted. */
  register(agent: VpsRegisterBody, options?: RequestOptions): Promise<VpsRegistered> {
    return this.http.json('POST', '/register', { ...options, body: agent });
  }

  /** All agents, by name. */
  agents(options?: RequestOptions): Promise<VpsAgentList> {
    return this.http.json('GET', '/agents', options);
  }

  agent(name: string, options?: RequestOptions): Promise<VpsAgentView> {
    return this.http.json('GET', `/agents/${id(name)}`, options);
  }

  removeAgent(name: string, options?: RequestOptions): Promise<void> {
    return this.http.json('DELETE', `/agents/${id(name)}`, options);
  }

  /**
   * Calls an agent and waits for its answer, up to `deadline_seconds`. With an `idempotencyKey` the call acts once and is
   * repeated by itself when its answer is lost; without one it is sent exactly once.
   */
  call(call: VpsCallBody, options?: KeyedOptions): Promise<VpsCallResult> {
    return this.http.json('POST', '/call', { ...options, body: call });
  }

  /** Accepts a call without waiting for the agent; its result is in `callRecord` or `waitForCall`. */
  callAsync(call: VpsCallBody, options?: KeyedOptions): Promise<VpsCallAccepted> {
    return this.http.json('POST', '/call/async', { ...options, body: call });
  }

  /**
   * Calls an agent and yields its text as it comes. The last event is `done` or `error`. After a `failover` with mode
   * `restart` and `midstream` drop what was yielded before; with `continue` keep it. Leaving the loop cancels the call.
   * @throws BridgeError `cut_off` when the connection breaks before the last event.
   */
  async *stream(call: VpsStreamBody, options?: KeyedOptions): AsyncGenerator<VpsStreamEvent> {
    const response = await this.http.send('POST', '/call/stream', { ...options, body: call });
    if (response.body === null) throw noAnswer('cut_off', null);
    yield* readEvents(response.body);
  }

  /** One call, with its result once it has ended. */
  callRecord(callId: string, options?: RequestOptions): Promise<VpsCallView> {
    return this.http.json('GET', `/calls/${id(callId)}`, options);
  }

  /** Waits for an asynchronous call to end. @param timeoutMs default 300,000. @throws Error when it takes longer. */
  async waitForCall(callId: string, { timeoutMs = 300_000, ...options }: RequestOptions & { readonly timeoutMs?: number } = {}): Promise<VpsCallView> {
    const endsAt = Date.now() + timeoutMs;
    for (;;) {
      const call = await this.callRecord(callId, options);
      if (call.finished_at !== null) return call;
      if (Date.now() >= endsAt) throw new Error(`Call ${callId} did not end within ${timeoutMs} ms`);
      await pause(POLL_MS, options.signal);
    }
  }

  /** Calls, newest first. */
  calls(filter: CallFilter = {}, options?: RequestOptions): Promise<VpsCallList> {
    return this.http.json('GET', '/calls', { ...options, query: { ...filter } });
  }

  /** The health of all agents in one look. */
  health(options?: RequestOptions): Promise<VpsHealthSummary> {
    return this.http.json('GET', '/health', options);
  }

  agentHealth(name: string, options?: RequestOptions): Promise<VpsAgentHealth> {
    return this.http.json('GET', `/health/${id(name)}`, options);
  }

  /** Counters to zero, circuit closed. */
  resetHealth(name: string, options?: RequestOptions): Promise<VpsAgentHealth> {
    return this.http.json('POST', `/health/${id(name)}/reset`, options);
  }

  status(options?: RequestOptions): Promise<VpsStatus> {
    return this.http.json('GET', '/status', options);
  }

  /** Sessions by their last activity, newest first. */
  sessions(filter: SessionFilter = {}, options?: RequestOptions): Promise<VpsSessionList> {
    return this.http.json('GET', '/sessions', { ...options, query: { ...filter } });
  }

  /** A session with all its messages. @param messageLimit only the newest so many, 0 to 1000. */
  session(sessionId: string, messageLimit?: number, options?: RequestOptions): Promise<VpsSession> {
    return this.http.json('GET', `/sessions/${id(sessionId)}`, { ...options, query: { message_limit: messageLimit } });
  }

  messages(sessionId: string, filter: MessageFilter = {}, options?: RequestOptions): Promise<VpsMessagePage> {
    return this.http.json('GET', `/sessions/${id(sessionId)}/messages`, { ...options, query: { ...filter } });
  }

  removeSession(sessionId: string, options?: RequestOptions): Promise<void> {
    return this.http.json('DELETE', `/sessions/${id(sessionId)}`, options);
  }

  /** Deletes sessions that were not used for so long. @param maxAgeHours 1 to 876,000; default 24. */
  cleanUpSessions(maxAgeHours?: number, options?: RequestOptions): Promise<VpsCleanup> {
    return this.http.json('POST', '/sessions/cleanup', { ...options, query: { max_age_hours: maxAgeHours } });
  }

  /** All sessions, or those of one user, in memory at once; `exportSessionsStream` is for large ones. */
  exportSessions(userId?: string, options?: RequestOptions): Promise<VpsSessionExport> {
    return this.http.json('GET', '/sessions/export', { ...options, query: { user_id: userId } });
  }

  /** The bytes of an export, as they come. */
  async exportSessionsStream(userId?: string, options?: RequestOptions): Promise<ReadableStream<Uint8Array>> {
    const response = await this.http.send('GET', '/sessions/export', { ...options, query: { user_id: userId } });
    if (response.body === null) throw noAnswer('cut_off', null);
    return response.body;
  }

  /** Takes an exported file; sessions of the same ids are replaced as a whole, and any fault refuses all of it. */
  importSessions(file: Pick<VpsSessionExport, 'sessions'>, options?: RequestOptions): Promise<VpsImported> {
    return this.http.json('POST', '/sessions/import', { ...options, body: file });
  }
}

import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { WaitClock } from '@agentfleet/resilience';
import { waitFor } from '@agentfleet/testing';
import { AgentClient, type AgentClientOptions } from './agent-client';

/** A clock that moves only when a spec says so. */
export class HandClock implements WaitClock {
  private timeMs = 0;
  private readonly sleepers = new Set<{ readonly ms: number; readonly atMs: number; readonly wake: () => void }>();

  constructor(public chance = 0.5) {}

  monotonicMs = () => this.timeMs;
  random = () => this.chance;

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(new Error('aborted'));
      const sleeper = { ms, atMs: this.timeMs + ms, wake: resolve };
      this.sleepers.add(sleeper);
      signal?.addEventListener('abort', () => {
        this.sleepers.delete(sleeper);
        reject(new Error('aborted'));
      });
    });
  }

  /** Lengths of the pauses that somebody waits for now, shortest first. */
  get pauses(): number[] {
    return [...this.sleepers].map(({ ms }) => Math.round(ms)).sort((a, b) => a - b);
  }

  /** Time goes by and wakes nobody, as while something is under way. */
  advance(ms: number): void {
    this.timeMs += ms;
  }

  /** Waits for a pause of exactly this length and lets it end. */
  async pass(ms: number): Promise<void> {
    await waitFor(`a pause of ${ms} ms (there are ${this.pauses.join(', ')})`, () => this.pauses.includes(ms), { timeoutMs: 4000, everyMs: 5 });
    const chosen = [...this.sleepers].find((sleeper) => Math.round(sleeper.ms) === ms);
    this.timeMs = Math.max(this.timeMs, chosen?.atMs ?? 0);
    for (const sleeper of [...this.sleepers].filter(({ atMs }) => atMs <= this.timeMs)) {
      this.sleepers.delete(sleeper);
      sleeper.wake();
    }
  }
}

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Record<string, unknown>;
}

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Never answered. */
  readonly hang?: boolean;
  /** Answered only then. */
  readonly after?: Promise<void>;
  /** The body as it is, in place of `body`. */
  readonly raw?: string;
}

/** What `GET …/config` answers after a change. */
export const NEW_CONFIGURATION = { configRevision: 8, instruction: 'Be brief.', tools: [], agent: { id: 'a1' }, settings: { resume: true, maxTurns: 0, discord: { channelIds: ['1', '2'] } } };

export const CONNECTED = {
  token: 'token-0123456789-first',
  accessToken: 'token-0123456789-first',
  expiresIn: 86_400,
  tokenType: 'bearer',
  refreshToken: null,
  refreshExpiresIn: 0,
  instruction: 'Be kind.',
  tools: [{ _id: 't1', name: 'read-file' }],
  agent: { id: 'a1', name: 'Agent', orgId: 'o1' },
  settings: { resume: false, maxTurns: 0, discord: { channelIds: ['1', '2'] } },
};
export const connected = (change: object = {}, headers: Record<string, string> = {}): Reply => ({ status: 200, body: { ...CONNECTED, ...change }, headers: { 'X-Config-Revision': '7', ...headers } });

/** The far side: a real HTTP server whose answers a spec queues; the last answer of an action repeats. */
export class FakeAiwm {
  readonly seen: Seen[] = [];
  /** `> action` for each request, `< action` for each answer, in their order. */
  readonly journal: string[] = [];
  inFlight = 0;
  private readonly replies: Record<string, Reply[]> = { connect: [connected()], heartbeat: [{ status: 200, body: { success: true } }], disconnect: [{ status: 200, body: { success: true } }] };
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      let text = '';
      this.inFlight++;
      response.once('close', () => this.inFlight--);
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        const path = request.url ?? '';
        const action = path.split('/').at(-1) ?? '';
        this.seen.push({ method: request.method ?? '', path, headers: request.headers, body: text === '' ? {} : JSON.parse(text) });
        this.journal.push(`> ${action}`);
        void this.reply(action, response);
      });
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    const address = this.server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  private async reply(action: string, response: ServerResponse): Promise<void> {
    const queue = this.replies[action] ?? [];
    const { status, headers, body, raw, after, hang } = (queue.length > 1 ? queue.shift() : queue[0]) ?? { status: 404, body: { code: 'NOT_FOUND' } };
    if (hang) return;
    await after;
    this.journal.push(`< ${action}`);
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(raw ?? (body === undefined ? '' : JSON.stringify(body)));
  }

  /** From now on these, one after another. */
  answer(action: string, ...replies: Reply[]): void {
    this.replies[action] = replies;
  }

  count(action: string): number {
    return this.seen.filter(({ path }) => path.endsWith(`/${action}`)).length;
  }

  async reached(action: string, count: number): Promise<Seen> {
    await waitFor(`${count} × ${action} (${this.count(action)})`, () => this.count(action) >= count, { timeoutMs: 4000, everyMs: 5 });
    return this.seen.filter(({ path }) => path.endsWith(`/${action}`))[count - 1]!;
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }
}

export interface Scene {
  readonly aiwm: FakeAiwm;
  readonly clock: HandClock;
  readonly client: AgentClient;
  readonly events: { readonly name: string; readonly event: object }[];
  readonly log: string[];
}

/** Scenes of one spec file, ended after each test. */
export function scenes(): (...parameters: Parameters<typeof scene>) => Promise<Scene> {
  let open: Scene[] = [];
  afterEach(async () => {
    for (const { client, aiwm } of open) {
      await client.stop();
      await aiwm.close();
    }
    open = [];
  });
  return async (...parameters) => {
    const made = await scene(...parameters);
    open.push(made);
    return made;
  };
}

export const soon = (what: string, probe: () => boolean) => waitFor(what, probe, { timeoutMs: 4000, everyMs: 5 });

export const SECRET = 'f'.repeat(20) + '0123456789'.repeat(4);

export async function scene(options: AgentClientOptions & { readonly variables?: Record<string, string>; readonly prefix?: string } = {}): Promise<Scene> {
  const aiwm = new FakeAiwm();
  const clock = new HandClock();
  const log: string[] = [];
  const write = (level: string) => (fields: object, text: string) => void log.push(`${level} ${text} ${JSON.stringify(fields)}`);
  const { prefix = '', variables = {}, ...rest } = options;
  const client = new AgentClient({
    clock,
    log: { info: write('info'), warn: write('warn'), error: write('error') },
    ...rest,
    variables: { AIWM_ENABLED: 'true', AIWM_BASE_URL: `${await aiwm.start()}${prefix}`, AIWM_AGENT_ID: 'a1', AIWM_AGENT_SECRET: SECRET, AIWM_INSTRUCTION_FILE: '/nowhere/instruction.md', ...variables },
  });
  const events: { name: string; event: object }[] = [];
  for (const name of ['connected', 'configuration', 'mode', 'stopped'] as const) client.on(name, (event) => events.push({ name, event }));
  return { aiwm, clock, client, events, log };
}

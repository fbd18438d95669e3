import { isJsonObject, type JsonObject, type RunEvent } from '@agentfleet/contracts';
import { bootApp, type RunningApp } from '@agentfleet/platform';
import { bootReplicas, HttpCaller, waitFor, type IdentityFixtures, type TestDatabase } from '@agentfleet/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { executionGatewayApp } from '../app';

export const KEY = 'a-static-gateway-key';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: JsonObject;
}

const noReplicaYet = (env: Readonly<Record<string, string>>, boot = bootApp) => bootReplicas(boot, executionGatewayApp, 0, env);

/** A database, a disk, and replicas on them. */
export class TestGateway {
  readonly database: TestDatabase;
  readonly identity: IdentityFixtures;
  readonly env: Readonly<Record<string, string>>;
  readonly replicas: RunningApp[];

  private constructor(
    private readonly fleet: Awaited<ReturnType<typeof noReplicaYet>>,
    readonly directory: string,
  ) {
    ({ database: this.database, identity: this.identity, env: this.env, all: this.replicas } = fleet);
  }

  static async create(env: Readonly<Record<string, string>> = {}, boot = bootApp): Promise<TestGateway> {
    const directory = await mkdtemp(join(tmpdir(), 'gateway-'));
    return new TestGateway(await noReplicaYet({ GATEWAY_API_KEY: KEY, DATA_DIR: directory, ...env }, boot), directory);
  }

  boot(env: Readonly<Record<string, string>> = {}): Promise<RunningApp> {
    return this.fleet.boot(env);
  }

  /** Ends one replica as SIGTERM would. */
  stop(replica: RunningApp): Promise<void> {
    return this.fleet.stop(replica);
  }

  async close(): Promise<void> {
    await this.fleet.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** @param body text is sent as it is */
export async function ask(replica: { readonly url: string }, method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const caller = new HttpCaller(replica.url, { 'x-api-key': KEY, ...headers });
  const answer = await caller.ask(method, path, typeof body === 'string' ? { raw: body } : { body });
  return { ...answer, body: isJsonObject(answer.body) ? answer.body : {} };
}

export async function newSession(replica: { readonly url: string }, body: JsonObject = {}): Promise<string> {
  const answer = await ask(replica, 'POST', '/sessions', body);
  if (answer.status !== 200) throw new Error(`no session: ${answer.status} ${answer.text}`);
  return String(answer.body['session_id']);
}

export interface Received {
  readonly text: string;
  readonly frame: Pick<RunEvent, 'type'> & { readonly data: JsonObject; readonly timestamp: string; readonly seq?: number; readonly run_id?: string };
}

/** A client on a session's execute socket that keeps everything it gets. */
export class Client {
  readonly received: Received[] = [];
  closed: { code: number; reason: string } | null = null;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data) => {
      const text = String(data);
      this.received.push({ text, frame: JSON.parse(text) });
    });
    socket.on('close', (code, reason) => (this.closed = { code, reason: reason.toString() }));
    socket.on('error', () => undefined);
  }

  static async open(replica: { readonly url: string }, sessionId: string, headers: Record<string, string> = { 'x-api-key': KEY }): Promise<Client> {
    const socket = new WebSocket(`${replica.url.replace('http', 'ws')}/sessions/${sessionId}/execute`, { headers });
    const client = new Client(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
      socket.once('unexpected-response', (_request, response) => reject(new Error(`HTTP ${response.statusCode}`)));
    });
    return client;
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  execute(userInput: string, more: JsonObject = {}): void {
    this.send({ action: 'execute', user_input: userInput, ...more });
  }

  /** Numbered events, in the order in which they came. */
  get events(): Received[] {
    return this.received.filter(({ frame }) => frame.seq !== undefined);
  }

  get texts(): string[] {
    return this.events.map(({ text }) => text);
  }

  get seqs(): (number | undefined)[] {
    return this.events.map(({ frame }) => frame.seq);
  }

  /** Kinds of events, neighbouring text deltas as one. */
  get types(): string[] {
    return this.events.map(({ frame }) => frame.type).filter((type, at, all) => type !== 'text' || all[at - 1] !== 'text');
  }

  async frame(type: string, timeoutMs = 15_000): Promise<Received> {
    return waitFor(`a frame ${type}`, () => this.received.find(({ frame }) => frame.type === type), { timeoutMs });
  }

  /** Waits for the n-th end of a run. */
  async complete(n = 1, timeoutMs = 20_000): Promise<Received> {
    return waitFor(`query_complete ${n}`, () => this.received.filter(({ frame }) => frame.type === 'query_complete')[n - 1], { timeoutMs });
  }

  async seen(seq: number, timeoutMs = 15_000): Promise<void> {
    await waitFor(`event ${seq}`, () => this.events.some(({ frame }) => frame.seq === seq), { timeoutMs });
  }

  close(): void {
    this.socket.terminate();
  }
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => from + at);
}

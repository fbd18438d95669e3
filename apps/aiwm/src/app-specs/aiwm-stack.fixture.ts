import { bootReplicas, HttpCaller, type HttpAnswer, type TestDatabase } from '@agentfleet/testing';
import { bootApp, type RunningApp } from '@agentfleet/platform';
import { aiwmApp } from '../app';

export const ADMIN = { username: 'admin@localhost', password: 'correct horse battery' };

export interface Answer extends HttpAnswer {
  readonly body: Record<string, unknown> & { readonly data?: Record<string, unknown>[]; readonly errors?: string[] };
}

/** Speaks HTTP to one replica with one credential. */
export class Client {
  private readonly http: HttpCaller;

  constructor(
    readonly url: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    this.http = new HttpCaller(url, headers);
  }

  with(headers: Readonly<Record<string, string>>): Client {
    return new Client(this.url, headers);
  }

  /** @param body a text is sent as it is; @param headers a content type there is sent in place of JSON's */
  ask(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const ownType = 'Content-Type' in headers ? { type: null } : {};
    return this.http.ask(method, path, { ...(typeof body === 'string' ? { raw: body } : { body }), ...ownType, headers });
  }

  get = (path: string) => this.ask('GET', path);
  post = (path: string, body?: unknown) => this.ask('POST', path, body);
  patch = (path: string, body: unknown) => this.ask('PATCH', path, body);
  delete = (path: string) => this.ask('DELETE', path);

  /** The id of something just created; fails loudly when it was not. */
  async create(path: string, body: unknown): Promise<string> {
    const answer = await this.post(path, body);
    if (answer.status !== 201) throw new Error(`POST ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return String(answer.body['_id']);
  }

  async login(): Promise<Client> {
    const answer = await this.post('/auth/login', ADMIN);
    if (answer.status !== 200) throw new Error(`login: ${answer.status} ${JSON.stringify(answer.body)}`);
    return this.with({ Authorization: `Bearer ${String(answer.body['accessToken'])}` });
  }
}

/** An agent with a credential. */
export async function newAgent(admin: Client, more: object = {}): Promise<{ id: string; secret: string }> {
  const id = await admin.create('/agents', { name: 'My Agent', ...more });
  const regenerated = await admin.post(`/agents/${id}/credentials/regenerate`, {});
  if (regenerated.status !== 200) throw new Error(`regenerate: ${regenerated.status} ${JSON.stringify(regenerated.body)}`);
  return { id, secret: String(regenerated.body['secret']) };
}

/** Connects an agent; what comes back speaks with its token. */
export async function connected(anonymous: Client, id: string, secret: string): Promise<Client> {
  const answer = await anonymous.post(`/agents/${id}/connect`, { secret });
  if (answer.status !== 200) throw new Error(`connect: ${answer.status} ${JSON.stringify(answer.body)}`);
  return anonymous.with({ Authorization: `Bearer ${String(answer.body['token'])}` });
}

export interface Stack {
  readonly database: TestDatabase;
  readonly env: Readonly<Record<string, string>>;
  boot(env?: Readonly<Record<string, string>>): Promise<{ running: RunningApp; client: Client }>;
  close(): Promise<void>;
}

/** A database of its own and any number of replicas on it. */
export async function aiwmStack(): Promise<Stack> {
  const replicas = await bootReplicas(bootApp, aiwmApp, 0, { AIWM_ADMIN_PASSWORD: ADMIN.password });
  return {
    database: replicas.database,
    env: replicas.env,
    async boot(more = {}) {
      const running = await replicas.boot(more);
      return { running, client: new Client(running.url) };
    },
    close: () => replicas.close(),
  };
}

export const INSTRUCTION = { name: 'Support', systemPrompt: 'You are a helpful AI assistant.', guidelines: ['Be polite', 'Be accurate'] };
export const TOOL = {
  name: 'read-file',
  type: 'builtin',
  description: 'Read files',
  category: 'productivity',
  schema: { inputSchema: { type: 'object' }, outputSchema: { type: 'object' } },
};
export const NODE = { name: 'vps-1', role: ['worker'] };

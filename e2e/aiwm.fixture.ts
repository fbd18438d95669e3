import { AgentClient, type AgentClientOptions } from '@agentfleet/sdk';
import { waitFor, type StackFile } from '@agentfleet/testing';

export interface AdminAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** AIWM as its administrator sees it. */
export class AiwmAdmin {
  private headers: Record<string, string> = {};

  private constructor(private readonly base: string) {}

  static async logIn(file: StackFile): Promise<AiwmAdmin> {
    const admin = new AiwmAdmin(file.urls.aiwm);
    const { body } = await admin.ask('POST', '/auth/login', { username: file.admin.email, password: file.admin.password });
    admin.headers = { Authorization: `Bearer ${String(body['accessToken'])}` };
    return admin;
  }

  async ask(method: string, path: string, body?: object): Promise<AdminAnswer> {
    const response = await fetch(`${this.base}${path}`, {
      method,
      headers: { ...(body ? { 'Content-Type': 'application/json' } : {}), ...this.headers },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const parsed: Record<string, unknown> = JSON.parse((await response.text()) || '{}');
    return { status: response.status, body: parsed };
  }

  /** @throws Error for everything but a success. */
  async do(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const answer = await this.ask(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  async make(collection: string, body: object): Promise<string> {
    return String((await this.do('POST', `/${collection}`, body))['_id']);
  }

  async agent(id: string): Promise<Record<string, unknown>> {
    return this.do('GET', `/agents/${id}`);
  }

  /** A new secret; with an overlap the old one serves on. */
  async secretOf(id: string, overlapSeconds = 0): Promise<string> {
    return String((await this.do('POST', `/agents/${id}/credentials/regenerate`, { overlapSeconds }))['secret']);
  }

  async shownAs(id: string, ...statuses: readonly unknown[]): Promise<void> {
    let shown: unknown;
    const probe = async () => {
      shown = (await this.agent(id))['connectionStatus'];
      return statuses.includes(shown);
    };
    await waitFor(`agent ${id} to be ${statuses.join(' or ')}`, probe, { timeoutMs: 20_000, everyMs: 50 }).catch((error: unknown) => {
      throw new Error(`It is ${String(shown)}`, { cause: error });
    });
  }
}

const nothing = () => undefined;
export const SILENT = { info: nothing, warn: nothing, error: nothing };

/** A client of this agent, with nothing from the environment of the specs. */
export function clientOf(file: StackFile, id: string, secret: string, options: AgentClientOptions = {}): AgentClient {
  const variables = { AIWM_ENABLED: 'true', AIWM_BASE_URL: file.urls.aiwm, AIWM_AGENT_ID: id, AIWM_AGENT_SECRET: secret, CLAUDE_RESUME: 'true', AIWM_INSTRUCTION_FILE: '/nowhere/instruction.md' };
  return new AgentClient({ status: () => 'busy', log: SILENT, ...options, variables });
}

import { randomUUID } from 'node:crypto';
import { AppError } from '@agentfleet/errors';
import { CLOCK, ENV, GroupCommit, Metrics, type Clock, type PlatformEnv } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import type { Counter, Histogram } from 'prom-client';
import { AgentRepository } from '../agent-records/agent.repository';
import type { AgentCredential, AgentDocument } from '../agent-records/agent.schema';
import { AgentConfigurations } from '../agents/agent-configurations';
import { checkId, notFound } from '../api/ids';
import type { AiwmEnv } from '../env';
import { TokenSigner } from '../identity/token-signer';
import type { AgentPresenceDocument } from '../presence/presence.schema';
import { PresenceService } from '../presence/presence.service';
import { FailureGuard } from '../limits/failure-guard';
import type { ConnectAnswerDto } from './connection.dto';
import { SecretCheck, type SecretQuestion } from './secret-check';

interface Found {
  readonly agent: AgentDocument | undefined;
  readonly record: AgentPresenceDocument | undefined;
}

interface Connected {
  readonly answer: ConnectAnswerDto;
  readonly configRevision: number;
}

type Guess = Pick<SecretQuestion, 'secret' | 'source'>;

interface Accepted {
  readonly credential: AgentCredential;
  readonly isPrevious: boolean;
  readonly remember: string | undefined;
}

const MINUTE_MS = 60_000;
const TOO_MANY = 'Too many failed connects';

/** The connection protocol: limiter → agent → secret → suspension → configuration → one counted update → token. */
@Injectable()
export class ConnectAgent {
  private readonly connects: Counter<'result'>;
  private readonly duration: Histogram;
  /** A fleet that comes back is read in groups. */
  private readonly finds = new GroupCommit<string, Found>({ commit: (ids) => this.findAll(ids), maxWeight: 256, patienceMs: 100, gathersTurn: true });

  constructor(
    private readonly repository: AgentRepository,
    private readonly configurations: AgentConfigurations,
    private readonly presence: PresenceService,
    private readonly secrets: SecretCheck,
    private readonly guard: FailureGuard,
    private readonly signer: TokenSigner,
    metrics: Metrics,
    @Inject(ENV) private readonly env: AiwmEnv & PlatformEnv,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    const help = 'Connects by result: ok, invalid, suspended, unknown, limited, overloaded; failed when AIWM itself could not answer';
    this.connects = metrics.counter({ name: 'aiwm_agent_connects_total', help, labelNames: ['result'] });
    this.duration = metrics.histogram({ name: 'aiwm_agent_connect_duration_seconds', help: 'Connects' });
  }

  async connect(id: string, secret: string, source: string): Promise<Connected> {
    checkId(id);
    const end = this.duration.startTimer();
    const { CONNECT_FAILURES_PER_MINUTE: limit, CONNECT_FAILURES_PER_SOURCE_PER_MINUTE: sourceLimit } = this.env;
    const pair = { key: `connect:${id}:${source}`, limit, windowMs: MINUTE_MS, countsUnderCheck: true };
    const anyAgent = { key: `connect:${source}`, limit: sourceLimit, windowMs: MINUTE_MS, countsUnderCheck: false };
    try {
      const result = await this.guard.guarded([pair, anyAgent], secret, TOO_MANY, () => this.attempt(id, secret, source));
      this.connects.inc({ result: 'ok' });
      return result;
    } catch (error) {
      this.connects.inc({ result: resultOf(error) });
      throw error;
    } finally {
      end();
    }
  }

  private async attempt(id: string, secret: string, source: string): Promise<Connected> {
    const { agent, record } = await this.finds.add(id);
    if (!agent) throw notFound();
    const accepted = await this.accept(agent, record, { secret, source });
    if (!accepted) throw new AppError('invalid_credentials', { message: 'The secret is not valid for this agent' });
    if (agent.status === 'suspended') throw new AppError('agent_suspended');
    const delivered = await this.configurations.of(agent);
    const tokenId = randomUUID();
    const use = { tokenId, previousSecret: accepted.isPrevious, remembered: accepted.remember };
    if (!(await this.presence.connected(agent, record, use))) throw notFound();
    const { accessToken, expiresIn } = this.token(agent, accepted, tokenId);
    const answer: ConnectAnswerDto = {
      token: accessToken,
      accessToken,
      expiresIn,
      tokenType: 'bearer',
      refreshToken: null,
      refreshExpiresIn: 0,
      ...delivered,
    };
    return { answer, configRevision: agent.configRevision };
  }

  private async findAll(ids: readonly string[]): Promise<readonly Found[]> {
    const [agents, records] = await Promise.all([this.repository.findManyLive(ids), this.presence.records(ids)]);
    return ids.map((id) => ({ agent: agents.get(id), record: records.get(id) }));
  }

  /** A token got with the old secret of an overlap ends with it. */
  private token(agent: AgentDocument, accepted: Accepted, tokenId: string): { accessToken: string; expiresIn: number } {
    const ttl = this.env.AGENT_TOKEN_TTL_SECONDS;
    const until = accepted.isPrevious ? accepted.credential.expiresAt : null;
    const expiresIn = until === null ? ttl : Math.max(1, Math.min(ttl, Math.floor((until.getTime() - this.clock.now()) / 1000)));
    const tokenVersion = accepted.isPrevious ? (agent.previousTokenVersion ?? agent.tokenVersion) : agent.tokenVersion;
    const subject = { agentId: agent._id.toHexString(), orgId: agent.orgId, tokenVersion, configRevision: agent.configRevision, tokenId };
    return { accessToken: this.signer.agentToken(subject, expiresIn), expiresIn };
  }

  private async accept(agent: AgentDocument, record: AgentPresenceDocument | undefined, guess: Guess): Promise<Accepted | undefined> {
    if (agent.credential) {
      const answer = await this.ask(agent, agent.credential, guess, record);
      if (answer.valid) return { credential: agent.credential, isPrevious: false, remember: answer.remember };
    }
    const previous = agent.previousCredential;
    if (!previous?.expiresAt || previous.expiresAt.getTime() <= this.clock.now()) return undefined;
    const answer = await this.ask(agent, previous, guess, record);
    return answer.valid ? { credential: previous, isPrevious: true, remember: answer.remember } : undefined;
  }

  private ask(agent: AgentDocument, credential: AgentCredential, guess: Guess, record: AgentPresenceDocument | undefined) {
    return this.secrets.check({
      agentId: agent._id.toHexString(),
      ...guess,
      storedHash: credential.hash,
      generated: credential.generated,
      remembered: record?.remembered ?? [],
    });
  }
}

function resultOf(error: unknown): string {
  if (!(error instanceof AppError)) return 'failed';
  switch (error.code) {
    case 'invalid_credentials':
      return 'invalid';
    case 'agent_suspended':
      return 'suspended';
    case 'not_found':
      return 'unknown';
    case 'rate_limited':
      return 'limited';
    case 'overloaded':
      return 'overloaded';
    default:
      return 'failed';
  }
}

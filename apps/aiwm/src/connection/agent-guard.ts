import { AppError } from '@agentfleet/errors';
import type { Caller } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { AgentDirectory } from '../agents/agent-directory';
import type { AgentState } from '../agents/agent.repository';
import { notFound } from '../resources/resource';

/**
 * Whether an agent's genuine token may act on `:id`, in the contract's order: whose it is (403), whether the agent lives
 * (404: agents in the field stop on that but would reconnect for ever on 401), whether the token still counts (401).
 */
@Injectable()
export class AgentGuard {
  constructor(private readonly directory: AgentDirectory) {}

  async check(caller: Caller, id: string): Promise<AgentState> {
    const { agentClaims } = caller;
    if (!agentClaims) throw new AppError('forbidden', { message: "This route needs the agent's own token" });
    if (agentClaims.agentId !== id) throw new AppError('token_not_for_this_agent');
    const agent = await this.directory.find(id);
    if (!agent || agent.isDeleted) throw notFound();
    const { tokenVersion } = agentClaims;
    const isPrevious = tokenVersion === agent.previousTokenVersion && agent.previousValidUntil !== null && agent.previousValidUntil.getTime() > Date.now();
    if (agent.status === 'suspended' || (tokenVersion !== agent.tokenVersion && !isPrevious)) throw new AppError('token_revoked');
    return agent;
  }
}

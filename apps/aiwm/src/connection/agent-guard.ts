import { AppError } from '@agentfleet/errors';
import { CLOCK, type Caller, type Clock } from '@agentfleet/platform';
import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AgentStateDirectory } from '../agent-records/agent-state-directory';
import type { AgentState } from '../agent-records/agent.repository';
import { checkId, notFound } from '../api/ids';

/** Nest makes a guard of its own for a controller: what it admitted is known to all. */
const admitted = new WeakMap<FastifyRequest, AgentState>();

/**
 * Whether an agent's genuine token may act on `:id`, in the contract's order: whose it is (403), whether the agent lives
 * (404: agents in the field stop on that but would reconnect for ever on 401), whether the token still counts (401). As a
 * guard it decides before the body is validated.
 */
@Injectable()
export class AgentGuard implements CanActivate {
  constructor(
    private readonly directory: AgentStateDirectory,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest<{ Params: { id: string } }>>();
    if (!request.caller) throw new AppError('unauthenticated');
    admitted.set(request, await this.check(request.caller, checkId(request.params.id)));
    return true;
  }

  /** The agent that the guard let in. */
  agentOf(request: FastifyRequest): AgentState {
    const agent = admitted.get(request);
    if (!agent) throw new Error('The route has no agent guard');
    return agent;
  }

  async check(caller: Caller, id: string): Promise<AgentState> {
    const { agentClaims } = caller;
    if (!agentClaims) throw new AppError('forbidden', { message: "This route needs the agent's own token" });
    if (agentClaims.agentId !== id) throw new AppError('token_not_for_this_agent');
    const agent = await this.directory.find(id);
    if (!agent || agent.isDeleted) throw notFound();
    const { tokenVersion } = agentClaims;
    const isPrevious = tokenVersion === agent.previousTokenVersion && agent.previousValidUntil !== null && agent.previousValidUntil.getTime() > this.clock.now();
    if (agent.status === 'suspended' || (tokenVersion !== agent.tokenVersion && !isPrevious)) throw new AppError('token_revoked');
    return agent;
  }
}

import type { VpsAgentItem, VpsAgentView } from '@agentfleet/contracts';
import { agentUrl } from './agent-host';
import type { AgentAddress, VpsAgent } from './agent';

export function renderAgentItem(agent: AgentAddress): VpsAgentItem {
  return { name: agent.name, host: agent.host, port: agent.port, protocol: agent.protocol, url: agentUrl(agent) };
}

/** Everything but the token. */
export function renderAgent(agent: VpsAgent): VpsAgentView {
  return {
    ...renderAgentItem(agent),
    timeout_seconds: agent.timeoutSeconds,
    max_retries: agent.maxRetries,
    fallback_agents: agent.fallbackAgents,
    api: agent.api,
    model: agent.model ?? agent.name,
    streaming: agent.streaming,
    retry_on: agent.retryOn,
    fallback_on: agent.fallbackOn,
    has_auth_token: agent.authToken !== null,
    cluster_id: null,
    service: null,
    path_prefix: '',
    created_at: agent.createdAt.toISOString(),
    updated_at: agent.updatedAt.toISOString(),
  };
}

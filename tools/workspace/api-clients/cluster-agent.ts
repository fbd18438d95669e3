import createClient from 'openapi-fetch';
import type { paths } from '#schema/cluster-agent';

/** What an operator and an agent without a socket do at the cluster controller. */
export async function walk(baseUrl: string, agentKey: string, token: string): Promise<string> {
  const agent = createClient<paths>({ baseUrl, headers: { 'X-API-Key': agentKey } });
  const registered = await agent.POST('/api/v1/clusters/agent/register', { body: { agent_id: 'a', name: 'production' } });
  if (registered.error) return registered.error.error;

  const operator = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
  const clusters = await operator.GET('/api/v1/clusters', { params: { query: { limit: 10, page: 1 } } });
  if (clusters.error) return clusters.error.error;
  const names: string[] = clusters.data.data.map((cluster) => cluster.name);
  const events = await operator.GET('/api/v1/clusters/{cluster_id}/events', { params: { path: { cluster_id: registered.data.cluster_id } } });
  if (events.error) return events.error.error;
  return `${names.join()} ${events.data.data.length}`;
}

import createClient from 'openapi-fetch';
import type { paths } from '#schema/vps-bridge';

/** What a caller does at the bridge: register, call with and without a key, read what came of it. */
export async function walk(baseUrl: string, apiKey: string): Promise<string> {
  const client = createClient<paths>({ baseUrl, headers: { 'X-API-Key': apiKey } });
  const registered = await client.POST('/api/vps/register', { body: { name: 'primary', host: 'agent.example', port: 8080 } });
  if (registered.error) return registered.error.detail;

  // the key is optional, and there is one header of that name
  await client.POST('/api/vps/call', { body: { agent_name: 'primary', prompt: 'Plan' } });
  const called = await client.POST('/api/vps/call', { body: { agent_name: 'primary', prompt: 'Plan' }, params: { header: { 'Idempotency-Key': 'order-17' } } });
  if (called.error) return called.error.detail;
  const why: string | null = called.data.error_type;

  const calls = await client.GET('/api/vps/calls', { params: { query: { limit: 10 } } });
  if (calls.error) return calls.error.detail;
  const health = await client.GET('/api/vps/health/{name}', { params: { path: { name: 'primary' } } });
  if (health.error) return health.error.detail;
  const last: string | null = health.data.last_error_type;
  return `${why ?? last ?? 'fine'} ${calls.data.calls.length}`;
}

import createClient from 'openapi-fetch';
import type { paths } from '#schema/execution-gateway';

/** What a program does at the gateway: a session, a run in it, what came of it. */
export async function walk(baseUrl: string, apiKey: string): Promise<string> {
  const client = createClient<paths>({ baseUrl, headers: { 'X-API-Key': apiKey } });
  const session = await client.POST('/sessions', { body: { user_id: 'user_123' } });
  if (session.error) return session.error.detail;
  const id: string = session.data.session_id;

  const run = await client.POST('/sessions/{id}/runs', { params: { path: { id } }, body: { user_input: 'List files' } });
  if (run.error) return run.error.detail;
  const reason: string | null = run.data.reason;

  const events = await client.GET('/sessions/{id}/events', { params: { path: { id }, query: { after_seq: 0, limit: 100 } } });
  if (events.error) return events.error.detail;
  const messages = await client.GET('/sessions/{id}/messages', { params: { path: { id } } });
  if (messages.error) return messages.error.detail;
  return `${reason ?? run.data.state} ${events.data.events.length} ${messages.data.messages.length}`;
}

import createClient from 'openapi-fetch';
import type { paths } from '#schema/aiwm';

/** What a program does at AIWM: log in, create, list, change, with the error of each answer told apart by its type. */
export async function walk(baseUrl: string): Promise<string> {
  const client = createClient<paths>({ baseUrl });
  const login = await client.POST('/auth/login', { body: { username: 'admin@localhost', password: 'secret' } });
  if (login.error) return login.error.message;
  client.use({ onRequest: ({ request }) => void request.headers.set('Authorization', `Bearer ${login.data.accessToken}`) });

  const created = await client.POST('/agents', { body: { name: 'My Agent' }, params: { header: { 'Idempotency-Key': 'once' } } });
  if (created.error) return `${created.error.code}: ${created.error.message}`;
  const agentId: string = created.data._id;

  const listed = await client.GET('/agents', { params: { query: { page: 1, limit: 10 } } });
  if (listed.error) return listed.error.message;
  const total: number = listed.data.pagination.total;
  const names: string[] = listed.data.data.map((agent) => agent.name);

  const changed = await client.PATCH('/agents/{id}', { params: { path: { id: agentId } }, body: { description: 'changed' } });
  if (changed.error) return changed.error.message;
  await client.DELETE('/agents/{id}', { params: { path: { id: agentId } } });
  return `${names.join()} of ${total}`;
}

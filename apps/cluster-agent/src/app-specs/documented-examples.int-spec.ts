import { bootApp, type RunningApp } from '@agentfleet/platform';
import { bootReplicas, type Replicas } from '@agentfleet/testing';
import { clusterAgentApp } from '../app';
import { HEARTBEAT_ANSWER, HEARTBEAT_BODY, POLL_ANSWER, REGISTERED, REGISTER_BODY, TUNNEL_INFO } from '../agents/agent-examples';
import { CLUSTER, CLUSTER_LIST, EVENT_LIST } from '../clusters/cluster-examples';

let fleet: Replicas<typeof clusterAgentApp, RunningApp>;
let headers: Readonly<Record<string, string>>;

beforeAll(async () => {
  fleet = await bootReplicas(bootApp, clusterAgentApp);
  ({ headers } = await fleet.identity.apiKey({ scopes: ['cluster:register', 'clusters:read', 'clusters:manage'] }));
});
afterAll(() => fleet.close());

async function ask(method: string, path: string, body?: unknown): Promise<Readonly<Record<string, unknown>>> {
  const answer = await fleet.http(headers).ask(method, `/api/v1/clusters${path}`, { body });
  expect([path, answer.status < 300]).toEqual([path, true]);
  return answer.body;
}
const fieldsOf = (value: object) => Object.keys(value).sort();

it('the documented requests succeed, also twice, and the documented answers have the fields of the real ones', async () => {
  for (let n = 0; n < 2; n++) {
    const registered = await ask('POST', '/agent/register', REGISTER_BODY);
    expect(fieldsOf(registered)).toEqual(fieldsOf(REGISTERED));
    const id = String(registered['cluster_id']);
    expect(fieldsOf(await ask('POST', `/agent/${id}/heartbeat`, HEARTBEAT_BODY))).toEqual(fieldsOf(HEARTBEAT_ANSWER));
    expect(fieldsOf(await ask('GET', `/agent/${id}/poll?wait_seconds=0&max=10`))).toEqual(fieldsOf(POLL_ANSWER));
    expect(fieldsOf(await ask('GET', `/agent/${id}/tunnel-info`))).toEqual(fieldsOf(TUNNEL_INFO));
    const list = await ask('GET', '?page=1&limit=10');
    expect(fieldsOf(list)).toEqual(fieldsOf(CLUSTER_LIST));
    const items = list['data'] as object[]; // as the document says
    expect(items.map(fieldsOf)).toEqual(CLUSTER_LIST.data.map(fieldsOf));
    expect(fieldsOf(await ask('GET', `/${id}`))).toEqual(fieldsOf(CLUSTER));
    const events = (await ask('GET', `/${id}/events?limit=10`))['data'] as object[]; // as the document says
    expect(fieldsOf(events[0] ?? {})).toEqual(fieldsOf(EVENT_LIST.data[0] ?? {}));
    await ask('DELETE', `/${id}`);
  }
});

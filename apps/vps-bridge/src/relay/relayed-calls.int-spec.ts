import { DEFAULT_ORGANIZATION_ID, type VpsBusAnswer } from '@agentfleet/contracts';
import { InternalClient } from '@agentfleet/platform';
import { says } from '@agentfleet/testing';
import { TwoBridges } from '../app-specs/two-bridges.fixture';

let two: TwoBridges;

beforeAll(async () => {
  two = await TwoBridges.start();
});
afterAll(() => two.stop());

const PATH = '/internal/bridge/call';
const ORG = DEFAULT_ORGANIZATION_ID;

/** As another app asks the second replica, through the first one's bus. */
const overBus = (payload: object): Promise<VpsBusAnswer> => {
  const [one, other] = two.replicas;
  return one!.services.bus.request<VpsBusAnswer>('bridge.call', other!.replicaId, payload, { timeoutMs: 5000 });
};

/** As another app's replica asks the second one. */
async function overHttp(payload: object, orgId = ORG) {
  const request = { method: 'POST' as const, path: PATH, orgId, caller: { kind: 'key', id: 'k', name: 'n' }, headers: { 'content-type': 'application/json' } };
  const answer = await two.replicas[0]!.app.get(InternalClient).request({ ...request, url: two.replicas[1]!.url, body: JSON.stringify(payload), hashesBody: true });
  return { status: answer.statusCode, body: (await answer.body.json()) as Record<string, unknown> };
}

it('answers calls over the bus, once for each key, and says why it refuses', async () => {
  const { name, agent } = await two.agent(says('over the bus'));
  const payload = { orgId: ORG, agentName: name, prompt: 'p', sessionId: 'bus', userId: 'me', idempotencyKey: 'bus-1', correlationId: 'corr-1' };
  const answer = await overBus(payload);
  expect(answer).toMatchObject({ ok: true, result: { success: true, response: 'over the bus', session_id: 'bus' } });
  expect(await overBus(payload)).toEqual(answer);
  expect(agent.requests).toHaveLength(1);
  expect(agent.requests[0]?.headers['x-correlation-id']).toBe('corr-1');
  expect(await overBus({ ...payload, idempotencyKey: 'bus-2', userId: 'you' })).toMatchObject({ ok: false, status: 403, body: { code: 'session_owner_mismatch', detail: "Session 'bus' belongs to another user" } });
  expect(await overBus({ ...payload, idempotencyKey: undefined })).toMatchObject({ ok: false, status: 422, body: { code: 'validation_failed' } });
  expect(await overBus({ ...payload, orgId: 'ffffffffffffffffffffffff', idempotencyKey: 'bus-3' })).toMatchObject({ ok: true, result: { success: false, error_code: 'not_registered' } });
});

it('an answer too large for the bus is fetched over HTTP, with the same key', async () => {
  const { name, agent } = await two.agent(says('x'.repeat(300_000)));
  const payload = { orgId: ORG, agentName: name, prompt: 'p', idempotencyKey: 'large-1' };
  expect(await overBus(payload)).toEqual({ ok: true, result: null, via: 'http' });
  const { status, body } = await overHttp(payload);
  expect([status, body['ok'], (body['result'] as { response: string }).response.length]).toEqual([200, true, 300_000]);
  expect(agent.requests).toHaveLength(1);
});

it('takes large requests over HTTP', async () => {
  const { name, agent } = await two.agent();
  const { body } = await overHttp({ orgId: ORG, agentName: name, prompt: 'x'.repeat(500_000), idempotencyKey: 'large-2' });
  expect(body).toMatchObject({ ok: true, result: { success: true } });
  expect(JSON.stringify(agent.requests[0]?.body)).toHaveLength(JSON.stringify({ model: name, messages: [{ role: 'user', content: '' }] }).length + 500_000);
});

it('is not there for anybody without a genuine signature', async () => {
  const payload = { orgId: ORG, agentName: 'x', prompt: 'p', idempotencyKey: 'k' };
  const answers = await Promise.all([
    two.one.ask('POST', PATH, { body: payload }),
    two.one.ask('POST', PATH, { body: payload, headers: { 'X-Agentfleet-Internal': 'e30.e30' } }),
  ]);
  for (const { status, body, headers } of answers) {
    expect([status, body['code'], body['detail']]).toEqual([404, 'not_found', 'Not Found']);
    expect(body['correlation_id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers.get('x-correlation-id')).toBe(body['correlation_id']);
  }
  expect((await overHttp(payload, 'ffffffffffffffffffffffff')).body).toMatchObject({ ok: false, status: 422 });
});

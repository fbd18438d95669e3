import { createHash } from 'node:crypto';
import { DEFAULT_ORGANIZATION_ID, type VpsBusAnswer } from '@agentfleet/contracts';
import { says } from '@agentfleet/testing';
import { TwoBridges } from '../app-specs/two-bridges.fixture';
import { INTERNAL_KEY_INFO, signInternal, type InternalClaims } from '../internal/signature';

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

function overHttp(payload: object, over: Partial<InternalClaims> = {}, sent = JSON.stringify(payload)) {
  const { cipher } = two.replicas[0]!.services;
  const claims: InternalClaims = {
    kid: cipher.keyId,
    orgId: ORG,
    caller: { kind: 'key', id: 'k', name: 'n' },
    from: 'execution-gateway.execution-gateway-12345678',
    method: 'POST',
    path: PATH,
    bodySha256: createHash('sha256').update(JSON.stringify(payload)).digest('hex'),
    expiresAt: new Date(Date.now() + 20_000).toISOString(),
    ...over,
  };
  const header = signInternal(claims, cipher.derivedKey(INTERNAL_KEY_INFO));
  return two.caller(1, {}).ask('POST', PATH, { raw: sent, headers: { 'X-Agentfleet-Internal': header } });
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
    overHttp(payload, { expiresAt: new Date(Date.now() - 1).toISOString() }),
    overHttp(payload, { expiresAt: new Date(Date.now() + 600_000).toISOString() }),
    overHttp(payload, { path: '/internal/bridge/other' }),
    overHttp(payload, { method: 'GET' }),
    overHttp(payload, { kid: 'unknown' }),
    overHttp(payload, {}, JSON.stringify({ ...payload, prompt: 'changed on the way' })),
  ]);
  for (const { status, body, headers } of answers) {
    expect([status, body['code'], body['detail']]).toEqual([404, 'not_found', 'Not Found']);
    expect(body['correlation_id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers.get('x-correlation-id')).toBe(body['correlation_id']);
  }
  expect((await overHttp(payload, { orgId: 'ffffffffffffffffffffffff' })).body).toMatchObject({ ok: false, status: 422 });
});

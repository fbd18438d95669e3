import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { DEFAULT_ORGANIZATION_ID } from '@agentfleet/contracts';
import { bootReplicas, type Replicas } from '@agentfleet/testing';
import { bootApp, type RunningApp } from '../boot-app';
import { probeApp } from '../probe-app.fixture';
import { INTERNAL_KEY_INFO, signInternal, type InternalClaims } from './claims';
import { InternalClient, type InternalRequest } from './internal-client';

let fleet: Replicas<typeof probeApp, RunningApp>;
let one: RunningApp;
let other: RunningApp;

beforeAll(async () => {
  fleet = await bootReplicas(bootApp, probeApp, 2);
  [one, other] = [fleet.at(0), fleet.at(1)];
});
afterAll(() => fleet.close());

const PATH = '/internal/probe';
const caller = { kind: 'key', id: 'k', name: 'n' };
const json = { 'content-type': 'application/json' };

const ask = (request: Partial<InternalRequest>) =>
  one.app.get(InternalClient).request({ url: other.url, method: 'POST', path: PATH, orgId: DEFAULT_ORGANIZATION_ID, caller, headers: json, ...request });

describe('a request of another replica', () => {
  it('is believed by its signature alone, and its handler never sees that one', async () => {
    const { statusCode, body } = await ask({ body: '{"a":1}', path: `${PATH}?q=%20` });
    expect(statusCode).toBe(200);
    expect(await body.json()).toMatchObject({
      claims: { orgId: DEFAULT_ORGANIZATION_ID, caller, from: `probe.${one.replicaId}`, method: 'POST', path: `${PATH}?q=%20` },
      body: { a: 1 },
      isHeaderGone: true,
    });
  });

  it('streams its body and its answer', async () => {
    const text = 'x'.repeat(4000);
    const { body } = await ask({ body: Readable.from(['{"text":"', text, '"}']) });
    expect(await body.json()).toMatchObject({ body: { text } });
  });

  it('says that its body is the one that was signed, where the route asks for that', async () => {
    const hashed = { path: `${PATH}/hashed`, body: '{"a":1}' };
    expect((await ask({ ...hashed, hashesBody: true })).statusCode).toBe(200);
    expect((await ask(hashed)).statusCode).toBe(404);
    await expect(ask({ ...hashed, body: Readable.from(['{}']), hashesBody: true })).rejects.toThrow('whole body');
  });
});

describe('without a genuine signature there is no such route', () => {
  const BODY = '{"a":1}';

  async function sent(over: Partial<InternalClaims> = {}, options: { header?: string; path?: string; body?: string; method?: string } = {}) {
    const { cipher } = one.services;
    const path = options.path ?? PATH;
    const claims: InternalClaims = {
      kid: cipher.keyId,
      orgId: DEFAULT_ORGANIZATION_ID,
      caller,
      from: 'probe.x',
      method: 'POST',
      path,
      bodySha256: createHash('sha256').update(BODY).digest('hex'),
      expiresAt: new Date(Date.now() + 20_000).toISOString(),
      ...over,
    };
    const header = options.header ?? signInternal(claims, cipher.derivedKey(INTERNAL_KEY_INFO));
    return fleet.http({ 'X-Agentfleet-Internal': header }, 1).ask(options.method ?? 'POST', path, { raw: options.body ?? BODY });
  }

  it('takes the genuine one', async () => {
    expect([(await sent()).status, (await sent({}, { path: `${PATH}/hashed` })).status]).toEqual([200, 200]);
  });

  it('refuses all others like an unknown route', async () => {
    const unsigned = await fleet.http({}, 1).ask('POST', PATH, { raw: BODY });
    expect([unsigned.status, unsigned.body]).toMatchObject([404, { code: 'route_not_found' }]);
    const forged = signInternal({ kid: one.services.cipher.keyId, orgId: 'x', caller, from: 'x', method: 'POST', path: PATH, expiresAt: new Date(Date.now() + 9000).toISOString() }, Buffer.alloc(32));
    const answers = await Promise.all([
      sent({}, { header: 'e30.e30' }),
      sent({}, { header: forged }),
      sent({ expiresAt: new Date(Date.now() - 1).toISOString() }),
      sent({ expiresAt: new Date(Date.now() + 600_000).toISOString() }),
      sent({ path: '/internal/other' }),
      sent({ path: `${PATH}?q=1` }),
      sent({ method: 'GET' }),
      sent({ kid: 'unknown' }),
      sent({}, { method: 'PUT' }),
      sent({}, { path: `${PATH}/hashed`, body: '{"a":2}' }),
    ]);
    for (const { status, body, headers } of answers) {
      expect([status, body['code']]).toEqual([404, 'route_not_found']);
      expect(headers.get('x-correlation-id')).toBe(body['correlationId']);
    }
  });
});

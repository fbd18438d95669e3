import { bootApp, type RunningApp } from '@agentfleet/platform';
import { bootReplicas, jsonItems as many, processorTimeGrowth, type FixtureKey, type Replicas } from '@agentfleet/testing';
import { clusterAgentApp } from '../app';

const BASE = '/api/v1/clusters/agent';
let fleet: Replicas<typeof clusterAgentApp, RunningApp>;
let key: FixtureKey;
let clusterId: string;

beforeAll(async () => {
  fleet = await bootReplicas(bootApp, clusterAgentApp, 1, { CLUSTER_MAX_MESSAGE_BYTES: '8388608' });
  key = await fleet.identity.apiKey({ scopes: ['cluster:register'] });
  clusterId = String((await post('register', JSON.stringify({ agent_id: 'a', name: 'a' }))).body['cluster_id']);
});
afterAll(() => fleet.close());

const post = (path: string, body?: string) => fleet.http(key.headers).ask('POST', `${BASE}/${path}`, body === undefined ? {} : { raw: body });
const routes = () => ['register', `${clusterId}/heartbeat`];

it('a POST without a body is the caller’s mistake, as is one that is no object', async () => {
  for (const route of routes()) {
    for (const body of [undefined, 'null', '[]', '5', '"x"', 'true']) {
      expect(await post(route, body)).toMatchObject({ status: 400, body: { success: false, code: 'VALIDATION_FAILED', details: [{ field: 'body', problem: 'must be a JSON object' }] } });
    }
  }
  expect(await post('register', '{}')).toMatchObject({ status: 400, body: { details: [{ field: 'agent_id', problem: 'is required' }, { field: 'name' }] } });
  expect(await post('00000000-0000-4000-8000-000000000000/heartbeat')).toMatchObject({ status: 404, body: { code: 'CLUSTER_NOT_FOUND' } });
  expect(await post(`${clusterId}/heartbeat`, '{}')).toMatchObject({ status: 200, body: { success: true } });
});

const HEAD = '"agent_id":"big","name":"big"';
const BODIES: readonly [name: string, body: (size: number) => string][] = [
  ['unknown keys', (size) => `{${HEAD},${many(size, (n) => `"k${n}":1`)}}`],
  ['labels', (size) => `{${HEAD},"labels":{${many(size, (n) => `"l${n}":"v"`)}}}`],
  ['metadata', (size) => `{${HEAD},"metadata":{${many(size, (n) => `"m${n}":{"a":1}`)}}}`],
  ['features', (size) => `{${HEAD},"features":{"streams":[${many(size, (n) => `"s${n}"`)}]}}`],
  ['specs', (size) => `{${HEAD},"server_specs":{${many(size, (n) => `"${n}":[1]`)}}}`],
  ['one key again and again', (size) => `{${HEAD},${many(size, () => '"name":"x"')}}`],
  ['long texts', (size) => `{"agent_id":"${' '.repeat(size * 10)}x","name":"${'é'.repeat(size * 10)}","region":"${'😀'.repeat(size * 10)}","status":"${'x'.repeat(size * 10)}"}`],
];

it.each(BODIES)('%s cost no more than in proportion to their number', async (_name, bodyOf) => {
  for (const route of routes()) {
    const work = (size: number) => post(route, bodyOf(size));
    expect([route, await processorTimeGrowth({ from: 20_000, to: 80_000, noiseMs: 10, work })]).toEqual([route, 'in proportion']);
  }
}, 120_000);

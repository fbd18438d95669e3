import { mongo } from 'mongoose';
import { TwoBridges } from '../app-specs/two-bridges.fixture';

let two: TwoBridges;

beforeAll(async () => {
  two = await TwoBridges.start();
});
afterAll(() => two.stop());

it('a repeated registration names what it dropped, and never a value of it', async () => {
  const first = await two.one.register('kept', 5000, { auth_token: 'tok-SECRET', streaming: true, timeout_seconds: 9, fallback_agents: ['b'] });
  expect(first.body).toEqual({ status: 'registered', agent_name: 'kept', url: 'http://127.0.0.1:5000', created: true, fallback_agents: ['b'] });
  const second = await two.other.register('kept', 5000, { timeout_seconds: 8, fallback_agents: [] });
  expect(second.body).toEqual({ status: 'registered', agent_name: 'kept', url: 'http://127.0.0.1:5000', created: false, fallback_agents: [], dropped: ['auth_token', 'streaming'] });
  expect((await two.one.get('/api/vps/agents/kept')).body).toMatchObject({ has_auth_token: false, streaming: false, timeout_seconds: 8 });
  expect((await two.one.register('kept', 5001, { timeout_seconds: 8 })).body).not.toHaveProperty('dropped');
});

it('nothing is registered in an organization that is gone', async () => {
  const orgId = await two.identity.organization();
  const { headers } = await two.identity.apiKey({ scopes: ['vps:manage'], orgId });
  const register = (name: string) => two.caller(0, headers).register(name, 5000);
  expect((await register('before')).status).toBe(201);
  await two.database.db.collection('organizations').deleteOne({ _id: new mongo.ObjectId(orgId) });
  expect((await register('after')).status).toBe(404);
  expect(await two.database.db.collection('vps_agents').countDocuments({ orgId })).toBe(1);
});

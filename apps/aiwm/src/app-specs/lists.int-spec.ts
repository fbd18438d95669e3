import { aiwmStack, INSTRUCTION, NODE, TOOL, type Client, type Stack } from './aiwm-stack.fixture';

let stack: Stack;
let anonymous: Client;
let admin: Client;
beforeAll(async () => {
  stack = await aiwmStack();
  ({ client: anonymous } = await stack.boot());
  admin = await anonymous.login();
});
afterAll(() => stack.close());

const LISTS = ['/agents', '/instructions', '/tools', '/nodes', '/users', '/organizations', '/api-keys'];
const namesOf = async (path: string) => ((await admin.get(path)).body.data ?? []).map(({ name }) => name);

test('no filter text is too odd: bytes that names cannot have find nothing, expressions are taken literally', async () => {
  for (const path of LISTS) {
    const field = path === '/users' ? 'username' : 'name';
    for (const text of ['%00', 'a%00b', '.*', '%5B', '(', '%5C', '%F0%9F%98%80', '%ff', 'x'.repeat(5000)]) {
      const answer = await admin.get(`${path}?filter[${field}]=${text}`);
      expect([path, text.slice(0, 9), answer.status, answer.body.data]).toEqual([path, text.slice(0, 9), 200, []]);
    }
  }
});

test('keys and organizations are filtered and sorted by the rules of all lists', async () => {
  for (const name of ['delta', 'alpha', 'charlie']) {
    await admin.create('/organizations', { name });
    await admin.create('/api-keys', { name, scopes: ['agents:read'] });
  }
  expect(await namesOf('/organizations?sort[name]=1')).toEqual(['alpha', 'charlie', 'default', 'delta']);
  expect(await namesOf('/organizations?filter[name]=L&sort[createdAt]=1')).toEqual(['default', 'delta', 'alpha', 'charlie']);
  expect(await namesOf('/organizations?filter[_id]=000000000000000000000001')).toEqual(['default']);
  expect(await namesOf('/api-keys?sort[name]=-1')).toEqual(['delta', 'charlie', 'alpha']);
  expect(await namesOf('/api-keys?filter[name]=ALPH')).toEqual(['alpha']);
  expect(await namesOf('/api-keys?sort[name]=1&limit=1&page=2')).toEqual(['charlie']);
  expect((await admin.get('/api-keys?limit=99999999999999999999')).body['pagination']).toMatchObject({ page: 1, limit: 1000, total: 3 });
  expect((await admin.get('/api-keys?limit=1000&page=99999999999999999999')).body['data']).toEqual([]);
});

test('an update that changes nothing of what the agent is handed leaves its revision', async () => {
  const instructionId = await admin.create('/instructions', INSTRUCTION);
  const toolId = await admin.create('/tools', TOOL);
  const nodeId = await admin.create('/nodes', NODE);
  const settings = { token: 's3cret', maxTurns: 5 };
  const id = await admin.create('/agents', { name: 'Same', instructionId, allowedToolIds: [toolId], settings });
  const same = { name: 'Same', instructionId, allowedToolIds: [toolId, toolId], settings: { token: '[redacted]', maxTurns: 5 }, nodeId, tags: ['x'], description: 'new' };
  expect((await admin.patch(`/agents/${id}`, same)).body).toMatchObject({ configRevision: 1, description: 'new', nodeId });
  expect((await admin.patch(`/instructions/${instructionId}`, { ...INSTRUCTION, description: 'new', tags: ['y'] })).status).toBe(200);
  expect((await admin.patch(`/tools/${toolId}`, { ...TOOL, tags: ['y'], environment: { A: 'b' } })).status).toBe(200);
  expect((await admin.get(`/agents/${id}`)).body['configRevision']).toBe(1);
  for (const [n, change] of [{ name: 'Other' }, { settings: { token: 'another', maxTurns: 5 } }, { allowedToolIds: [] }, { instructionId: null }].entries()) {
    expect((await admin.patch(`/agents/${id}`, change)).body['configRevision']).toBe(n + 2);
  }
});

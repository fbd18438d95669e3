import { aiwmStack, INSTRUCTION, NODE, TOOL, type Client, type Stack } from '../app-specs/aiwm-stack.fixture';

let stack: Stack;
let admin: Client;
beforeAll(async () => {
  stack = await aiwmStack();
  admin = await (await stack.boot()).client.login();
});
afterAll(() => stack.close());

const KINDS: Readonly<Record<string, (n: string) => object>> = {
  agents: () => ({ name: 'Late' }),
  instructions: () => INSTRUCTION,
  tools: () => TOOL,
  nodes: () => NODE,
  users: (n) => ({ username: `late-${n}@localhost`, password: 'a quiet long password', roles: ['organization.viewer'] }),
  'api-keys': () => ({ name: 'late', scopes: ['agents:read'] }),
};
const COLLECTIONS: Readonly<Record<string, string>> = { 'api-keys': 'api_keys' };

test.each(Object.keys(KINDS))('an organization that is deleted while %s are made in it is either kept or empty', async (kind) => {
  for (let round = 0; round < 5; round++) {
    const id = await admin.create('/organizations', { name: `racing-${kind}-${round}` });
    const inside = admin.with({ ...admin.headers, 'X-Organization-Id': id });
    const make = (n: number) => inside.post(`/${kind}`, KINDS[kind]?.(`${kind}-${round}-${n}`));
    const [deletion, ...made] = await Promise.all([admin.delete(`/organizations/${id}`), make(1), make(2), make(3)]);
    expect([200, 409]).toContain(deletion.status);
    for (const { status } of made) expect([201, 404]).toContain(status);
    const left = await stack.database.db.collection(COLLECTIONS[kind] ?? kind).countDocuments({ orgId: id });
    expect(left).toBe(made.filter(({ status }) => status === 201).length);
    if (deletion.status === 200) expect(left).toBe(0);
  }
});

test('two deletions of one organization: one did it', async () => {
  const id = await admin.create('/organizations', { name: 'twice' });
  const answers = await Promise.all([admin.delete(`/organizations/${id}`), admin.delete(`/organizations/${id}`)]);
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 404]);
});

test('many creations at once in one organization wait for each other and all succeed', async () => {
  const id = await admin.create('/organizations', { name: 'busy' });
  const inside = admin.with({ ...admin.headers, 'X-Organization-Id': id });
  const answers = await Promise.all(Array.from({ length: 60 }, () => inside.post('/nodes', NODE)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
});

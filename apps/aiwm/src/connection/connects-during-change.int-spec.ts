import { mongo } from 'mongoose';
import { aiwmStack, INSTRUCTION, type Client, type Stack } from '../app-specs/aiwm-stack.fixture';

const AGENTS = 400;
const CONNECTING = 20;
const CHANGES = 4;

let stack: Stack;
let anonymous: Client;
let admin: Client;
beforeAll(async () => {
  stack = await aiwmStack();
  ({ client: anonymous } = await stack.boot());
  admin = await anonymous.login();
});
afterAll(() => stack.close());

/** Copies of one agent, so that a fleet needs no bcrypt for each. */
async function fleet(model: string): Promise<string[]> {
  const { db } = stack.database;
  const _id = new mongo.ObjectId(model);
  const [agent, presence] = [await db.collection('agents').findOne({ _id }), await db.collection('agent_presence').findOne({ _id })];
  const ids = Array.from({ length: AGENTS }, () => new mongo.ObjectId());
  await db.collection('agents').insertMany(ids.map((id) => ({ ...agent, _id: id })));
  await db.collection('agent_presence').insertMany(ids.map((id) => ({ ...presence, _id: id })));
  return ids.map((id) => id.toHexString());
}

test('connects during changes of an instruction of several hundred agents: none fails, none is lost, the revision is right', async () => {
  const instructionId = await admin.create('/instructions', INSTRUCTION);
  const model = await admin.create('/agents', { name: 'Model', instructionId });
  const secret = String((await admin.post(`/agents/${model}/credentials/regenerate`)).body['secret']);
  const ids = await fleet(model);
  const connecting = ids.slice(0, CONNECTING);
  const connect = (id: string) => anonymous.post(`/agents/${id}/connect`, { secret });
  for (const id of connecting) expect((await connect(id)).status).toBe(200); // remembered from now on
  let isOver = false;
  const statuses: number[] = [];
  let rounds = 1;
  const reconnecting = (async () => {
    while (!isOver || rounds < 4) {
      rounds++;
      statuses.push(...(await Promise.all(connecting.map(connect))).map(({ status }) => status));
    }
  })();
  for (let change = 1; change <= CHANGES; change++) {
    const answer = await admin.patch(`/instructions/${instructionId}`, { systemPrompt: `Version ${change} of the prompt` });
    expect(answer.status).toBe(200);
  }
  isOver = true;
  await reconnecting;
  expect(new Set(statuses)).toEqual(new Set([200]));
  const { data = [], statistics } = (await admin.get('/agents?limit=1000')).body;
  expect(statistics).toMatchObject({ total: AGENTS + 1 });
  expect(new Set(data.map(({ configRevision }) => configRevision))).toEqual(new Set([1 + CHANGES]));
  const counts = data.filter(({ _id }) => connecting.includes(String(_id))).map(({ connectionCount }) => connectionCount);
  expect(counts).toEqual(Array<number>(CONNECTING).fill(rounds));
  const last = await connect(connecting[0] ?? '');
  expect([last.headers.get('x-config-revision'), String(last.body['instruction']).split('\n')[0]]).toEqual([String(1 + CHANGES), `Version ${CHANGES} of the prompt`]);
}, 60_000);

import { openApiOf } from '@agentfleet/platform';
import { jsonItems, processorTimeGrowth } from '@agentfleet/testing';
import { aiwmApp } from '../app';
import { SMALL_BODY_BYTES } from '../limits/small-body';
import { isJsonObject } from '@agentfleet/contracts';
import { aiwmStack, connected, newAgent, type Client, type Stack } from './aiwm-stack.fixture';

let stack: Stack;
let routes: { name: string; send: (body: string) => Promise<number> }[];
beforeAll(async () => {
  stack = await aiwmStack();
  const { client: anonymous } = await stack.boot();
  const admin = await anonymous.login();
  const { id, secret } = await newAgent(admin);
  const agent = await connected(anonymous, id, secret);
  const { paths } = await openApiOf(aiwmApp);
  routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, operation]) => {
      if (!isJsonObject(operation) || operation['requestBody'] === undefined) return [];
      const caller: Client = /heartbeat|disconnect/.test(path) ? agent : admin;
      const send = async (body: string) => (await caller.ask(method.toUpperCase(), path.replace('{id}', id), body)).status;
      return [{ name: `${method.toUpperCase()} ${path}`, send }];
    }),
  );
});
afterAll(() => stack.close());

const object = (keys: number) => `{${jsonItems(keys, (i) => `"k${i}":0`)}}`;
/** Unknown keys beside and within every free object; no field is valid, so that no work of the route's own is measured. */
const bodyOf = (keys: number) => `{"name":0,"status":0,"username":0,"secret":0,"refreshToken":0,"currentPassword":0,"overlapSeconds":"x","settings":${object(keys)},"metrics":${object(keys)},${object(keys).slice(1)}`;

test('a body of four times as many keys costs no more than in proportion, on every route', async () => {
  expect(routes.length).toBeGreaterThan(20);
  for (const { name, send } of routes) {
    const work = async (keys: number) => expect([name, Math.floor((await send(bodyOf(keys))) / 100)]).toEqual([name, 4]);
    expect([name, await processorTimeGrowth({ from: 800, to: 3200, noiseMs: 5, work })]).toEqual([name, 'in proportion']);
  }
}, 120_000);

test('a body that no credential needs is refused before it is read, where anybody may send one', async () => {
  for (const { name, send } of routes.filter(({ name }) => /connect|login|refresh-token|logout|change-password/.test(name))) {
    const body = (bytes: number) => `{"x":"${'x'.repeat(bytes - 8)}"}`;
    expect([name, await send(body(SMALL_BODY_BYTES + 1))]).toEqual([name, 413]);
    expect([name, (await send(body(SMALL_BODY_BYTES))) === 413]).toEqual([name, false]);
  }
});

test('the longest credentials fit, however they are written', async () => {
  const escaped = (characters: number) => '\\ud83d\\ude00'.repeat(characters);
  const login = routes.find(({ name }) => name === 'POST /auth/login');
  expect(await login?.send(`{"username":"${escaped(254)}","password":"${escaped(1024)}"}`)).toBe(401);
  const connect = routes.find(({ name }) => name === 'POST /agents/{id}/connect');
  expect(await connect?.send(`{"secret":"${escaped(1024)}"}`)).toBe(401);
});

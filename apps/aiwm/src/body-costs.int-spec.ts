import { openApiOf } from '@agentfleet/platform';
import { aiwmApp } from './app';
import { SMALL_BODY_BYTES } from './limits/small-body';
import { isPlainObject } from './resources/validation';
import { aiwmStack, connected, newAgent, type Client, type Stack } from './testing-client.fixture';

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
      if (!isPlainObject(operation) || operation['requestBody'] === undefined) return [];
      const caller: Client = /heartbeat|disconnect/.test(path) ? agent : admin;
      const send = async (body: string) => (await caller.ask(method.toUpperCase(), path.replace('{id}', id), body)).status;
      return [{ name: `${method.toUpperCase()} ${path}`, send }];
    }),
  );
});
afterAll(() => stack.close());

const object = (keys: number) => `{${Array.from({ length: keys }, (_, i) => `"k${i}":0`).join()}}`;
/** Unknown keys beside and within every free object; no field is valid, so that no work of the route's own is measured. */
const bodyOf = (keys: number) => `{"name":0,"status":0,"username":0,"secret":0,"refreshToken":0,"currentPassword":0,"overlapSeconds":"x","settings":${object(keys)},"metrics":${object(keys)},${object(keys).slice(1)}`;

/** CPU milliseconds of this process, in which the replica runs, for one request; the least of some. */
async function cost(send: (body: string) => Promise<number>, body: string): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < 5; i++) {
    const before = process.cpuUsage();
    const status = await send(body);
    const { user, system } = process.cpuUsage(before);
    if (status < 400 || status >= 500) throw new Error(`answered ${status}`);
    least = Math.min(least, (user + system) / 1000);
  }
  return least;
}

test('a body of twice as many keys costs no more than some three times as much, on every route', async () => {
  expect(routes.length).toBeGreaterThan(20);
  const [small, large] = [bodyOf(1500), bodyOf(3000)];
  expect(large.length).toBeLessThan(131_072);
  for (const { name, send } of routes) {
    const [once, twice] = [await cost(send, small), await cost(send, large)];
    // some milliseconds beside what grows: the request itself
    expect([name, twice < 3 * once + 5, `${once} and ${twice} ms`]).toEqual([name, true, expect.any(String)]);
    expect([name, twice < 100]).toEqual([name, true]);
  }
}, 60_000);

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

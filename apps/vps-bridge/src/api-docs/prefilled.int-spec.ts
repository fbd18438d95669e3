import { bootApp, type RunningApp } from '@agentfleet/platform';
import { bootReplicas, type Replicas } from '@agentfleet/testing';
import { vpsBridgeApp } from '../app';

interface Parameter {
  readonly in: string;
  readonly name: string;
  readonly required: boolean;
  readonly example?: unknown;
  readonly schema?: { readonly example?: unknown; readonly default?: unknown };
}
interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly examples?: Readonly<Record<string, { readonly value?: unknown }>> }>> };
}
interface Pressed {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

let fleet: Replicas<typeof vpsBridgeApp, RunningApp>;
const KEY = 'a-static-key-of-the-bridge';

beforeAll(async () => {
  const fast = { VPS_CONNECT_TIMEOUT_MS: '100', VPS_BACKOFF_BASE_MS: '5', VPS_BACKOFF_MAX_MS: '10' };
  fleet = await bootReplicas(bootApp, vpsBridgeApp, 1, { ...fast, BRIDGE_API_KEY: KEY });
});
afterAll(() => fleet.close());

/** What Swagger UI fills in, and sends when nobody changes it. */
const prefilled = ({ example, schema }: Parameter) => example ?? schema?.example ?? schema?.default;

async function press({ method, path, operation }: Pressed): Promise<number> {
  const { parameters = [], requestBody } = operation;
  const url = new URL(path.replace(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(String(prefilled(parameters.find((one) => one.name === name)!)))), fleet.first.url);
  const headers: Record<string, string> = {};
  for (const parameter of parameters) {
    const value = prefilled(parameter);
    if (value === undefined) continue;
    if (parameter.in === 'query') url.searchParams.set(parameter.name, String(value));
    if (parameter.in === 'header') headers[parameter.name] = String(value);
  }
  const body = Object.values(requestBody?.content['application/json']?.examples ?? {})[0]?.value;
  const answer = await fleet.http({ 'X-API-Key': KEY }).ask(method.toUpperCase(), `${url.pathname}${url.search}`, { body, headers });
  return answer.status;
}

const ORDER = ['register', 'import', 'call'];
/** Making comes first, removing last. */
const rank = ({ method, path }: Pressed) => (method === 'delete' ? ORDER.length + 1 : path.endsWith('reset') || method !== 'post' ? ORDER.length : ORDER.findIndex((word) => path.includes(word)));

it('every operation that can succeed does so as it is prefilled, and again', async () => {
  const document = (await fleet.http().get('/api-docs-json')).body as { paths: Record<string, Record<string, Operation>> };
  const all = Object.entries(document.paths).flatMap(([path, operations]) => Object.entries(operations).map(([method, operation]) => ({ method, path, operation })));
  const required = all.flatMap(({ operation }) => operation.parameters ?? []).filter((parameter) => parameter.required);
  expect(required.filter((parameter) => parameter.in !== 'path')).toEqual([]);
  for (const again of [false, true]) {
    const refused: string[] = [];
    for (const one of [...all].sort((a, b) => rank(a) - rank(b))) {
      const status = await press(one);
      if (status >= 300) refused.push(`${String(again)} ${one.method} ${one.path} ${status}`);
    }
    expect(refused).toEqual([`${String(again)} get /api/vps/calls/{callId} 404`]); // nobody knows the id of a call that is to come
  }
}, 60_000);

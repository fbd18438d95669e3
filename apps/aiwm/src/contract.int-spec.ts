import { generateKeyPairSync } from 'node:crypto';
import { openApiOf } from '@agentfleet/platform';
import { aiwmApp } from './app';
import { isPlainObject } from './resources/validation';
import { aiwmStack } from './testing-client.fixture';

test('the OpenAPI document: security everywhere, unique ids, declared path parameters, every reference resolves', async () => {
  const document = await openApiOf(aiwmApp);
  const ids: unknown[] = [];
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      if (!isPlainObject(operation)) continue;
      ids.push(operation['operationId']);
      expect([method, path, Array.isArray(operation['security'])]).toEqual([method, path, true]);
      const declared = JSON.stringify(operation['parameters'] ?? []);
      for (const [, name] of path.matchAll(/\{(\w+)\}/g)) expect(declared).toContain(`"name":"${name}"`);
    }
  }
  expect(new Set(ids).size).toBe(ids.length);
  const connect = document.paths['/agents/{id}/connect']?.post;
  expect(Object.keys(connect?.responses ?? {})).toEqual(expect.arrayContaining(['200', '400', '401', '404', '429', '503']));
  expect([connect?.security, connect?.requestBody !== undefined]).toEqual([[], true]);
  const text = JSON.stringify(document);
  for (const [, pointer] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const found = pointer?.split('/').reduce<unknown>((at, key) => (isPlainObject(at) ? at[key] : undefined), document);
    expect([pointer, found !== undefined]).toEqual([pointer, true]);
  }
});

test('a new signing key: tokens of the older one stay good, both are published, both replicas take both', async () => {
  const stack = await aiwmStack();
  try {
    const before = await stack.boot();
    const old = await before.client.login();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const after = await stack.boot({ JWT_PRIVATE_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().replace(/\n/g, '\\n') });
    const fresh = await after.client.login();
    expect((await after.client.with(old.headers).get('/agents')).status).toBe(200);
    expect((await before.client.with(fresh.headers).get('/agents')).status).toBe(200);
    const { keys } = (await after.client.get('/.well-known/jwks.json')).body;
    expect(keys).toHaveLength(2);
  } finally {
    await stack.close();
  }
});

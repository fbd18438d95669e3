import { aiwmStack, type Stack } from '../app-specs/aiwm-stack.fixture';

const DAY_MS = 86_400_000;

let stack: Stack;
beforeEach(async () => {
  stack = await aiwmStack();
});
afterEach(() => stack.close());

test('audit records older than AUDIT_RETENTION_DAYS are dropped, younger ones stay', async () => {
  const log = stack.database.db.collection('audit_log');
  const orgId = '000000000000000000000001';
  const record = (days: number) => ({
    at: new Date(Date.now() - days * DAY_MS),
    actor: { kind: 'user', id: 'a', name: 'a' },
    orgId,
    action: `days.${days}`,
    target: { type: 'agent', id: 'x', name: 'x' },
    fields: [],
    correlationId: null,
    sourceAddress: null,
  });
  await log.insertMany([record(1), record(29), record(31), record(400)]);
  const { client } = await stack.boot({ AUDIT_RETENTION_DAYS: '30' });
  const { data = [] } = (await (await client.login()).get('/audit-log')).body;
  expect(data.map(({ action }) => action).filter((action) => String(action).startsWith('days.'))).toEqual(['days.1', 'days.29']);
  expect(await log.countDocuments({ action: /^days\./ })).toBe(2);
});

test.each([
  ['presence_history', { at: 1 }, 30 * 86_400],
  ['refresh_tokens', { expiresAt: 1 }, 0],
  ['idempotency_keys', { expiresAt: 1 }, 0],
])('%s: the database itself drops what is too old', async (collection, key, expireAfterSeconds) => {
  await stack.boot();
  const indexes = await stack.database.db.collection(collection).indexes();
  expect(indexes).toContainEqual(expect.objectContaining({ key, expireAfterSeconds }));
});

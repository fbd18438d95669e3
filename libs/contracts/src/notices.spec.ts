import { readNotice } from './notices';

const AT = '2026-01-01T00:00:00.000Z';
const health = { orgId: 'o', agentName: 'a', from: 'healthy', to: 'degraded', circuit: { state: 'closed', opened_at: null, retry_at: null }, at: AT };

it('gives the fields of the type and no others, at every depth', () => {
  expect(readNotice('vps.health.changed', { ...health, more: 1, circuit: { ...health.circuit, more: 1 } })).toEqual(health);
  expect(readNotice('run.event', { orgId: 'o', sessionId: 's', runId: 'r', lastSeq: 7, token: 'x' })).toEqual({ orgId: 'o', sessionId: 's', runId: 'r', lastSeq: 7 });
});

it('drops what does not say whose it is; new signing keys are everybody’s', () => {
  for (const orgId of [undefined, null, 5, '']) expect(readNotice('organization.deleted', { orgId, at: AT })).toBeUndefined();
  expect(readNotice('signing-keys.changed', { kid: 'k', at: AT })).toEqual({ kid: 'k', at: AT });
});

it.each<[string, unknown]>([
  ['nothing', undefined],
  ['null', null],
  ['a list', [health]],
  ['a text', JSON.stringify(health)],
  ['a field that is missing', { ...health, agentName: undefined }],
  ['a field of another type', { ...health, agentName: 5 }],
  ['an unknown choice', { ...health, to: 'odd' }],
  ['a fault further in', { ...health, circuit: { state: 'closed' } }],
  ['inherited fields', Object.create(health)],
])('drops %s', (_what, payload) => expect(readNotice('vps.health.changed', payload)).toBeUndefined());

it('leaves out what may be absent', () => {
  const notice = { orgId: 'o', keyId: 'k', at: AT };
  expect(readNotice('key.rotated', notice)).toEqual(notice);
  expect(readNotice('key.rotated', { ...notice, previousValidUntil: null })).toEqual({ ...notice, previousValidUntil: null });
  expect(readNotice('key.rotated', { ...notice, previousValidUntil: 5 })).toBeUndefined();
});

it('reads lists and maps whole or not at all', () => {
  expect(readNotice('key.used', { orgId: 'o', keyIds: ['a', 'b'], at: AT })).toEqual({ orgId: 'o', keyIds: ['a', 'b'], at: AT });
  expect(readNotice('key.used', { orgId: 'o', keyIds: ['a', 5], at: AT })).toBeUndefined();
});

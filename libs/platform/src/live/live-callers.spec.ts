import { AppError } from '@agentfleet/errors';
import { waitFor } from '@agentfleet/testing';
import type { Caller } from '../identity/caller';
import { Lifecycle } from '../lifecycle';
import { createLog } from '../observe/log';
import { Metrics } from '../observe/metrics';
import { LiveCallers, type LostRights } from './live-callers';

const CALLER: Caller = { kind: 'key', id: 'k', name: 'k', orgId: 'o', allOrganizations: false, scopes: new Set(), roles: [], keyLimits: {}, keyHash: 'h', validUntilMs: Infinity, agentClaims: null };

/** The database as the looks at a credential see it. */
function setUp() {
  const looks: { readonly end: (now: Caller | undefined) => void; readonly fail: (error: Error) => void }[] = [];
  const identity = { recheck: () => new Promise<Caller | undefined>((resolve, reject) => looks.push({ end: resolve, fail: reject })) };
  const log = createLog({ app: 'probe', replicaId: 'probe-1', level: 'silent', destination: { write: () => undefined } });
  const lifecycle = new Lifecycle(log, new Metrics({ defaults: false }));
  const live = new LiveCallers(identity, { refresh: () => Promise.resolve() }, { now: () => 0 }, log, lifecycle);
  const ends: LostRights[] = [];
  live.add(CALLER, [], (why) => ends.push(why));
  return { live, looks, ends, lifecycle };
}

test('a flood of notices costs two looks: the one under way, and one for all that came meanwhile', async () => {
  const { live, looks, ends, lifecycle } = setUp();
  for (let i = 0; i < 2000; i++) void live.recheck(() => true);
  expect(looks).toHaveLength(1);
  looks[0]?.end(CALLER);
  await waitFor('the second look', () => looks.length === 2);
  looks[1]?.end(undefined);
  await waitFor('the end', () => ends.length === 1);
  expect(looks).toHaveLength(2);
  await lifecycle.close();
});

test('what could not be looked at is looked at again a second later, not with the next sweep', async () => {
  const { looks, ends, lifecycle } = setUp();
  looks[0]?.fail(new AppError('storage_unavailable'));
  await waitFor('another look', () => looks.length === 2, { timeoutMs: 3000 });
  expect(ends).toEqual([]);
  looks[1]?.end(undefined);
  await waitFor('the end', () => ends.length === 1);
  await lifecycle.close();
});

import type { ClusterRegistration } from '@agentfleet/contracts';
import { newRecord, storedRegistration } from '../records/stored-registration';
import { ChangeGroup, type ChangeOutcome, type OwnedCluster, type WantedChange } from './change-group';

const NOW = new Date('2026-01-01T12:00:00.000Z');
const connection = { connected_at: NOW, remote_address: '10.0.0.1', key_id: 'k' };
const said = (agentId: string, name: string, description = {}): ClusterRegistration => ({ agentId, name, description, serviceToken: undefined });
const stored = (agentId: string, name = agentId, orgId = 'o1') => storedRegistration(orgId, said(agentId, name), undefined);
const known = (id: string, agentId: string, name = agentId): OwnedCluster => newRecord(id, stored(agentId, name), NOW);
const bind = (socketId: string) => ({ kind: 'bind', via: 'registered', replicaId: 'r1', socketId, connection }) as const;
const register = (socketId: string, agentId: string, name = agentId, orgId = 'o1'): WantedChange => ({ registration: stored(agentId, name, orgId), change: bind(socketId) });

function groupOf(...clusters: OwnedCluster[]): ChangeGroup {
  let made = 0;
  return new ChangeGroup(clusters, NOW, () => `new-${++made}`);
}
const told = (outcome: ChangeOutcome | undefined) => (outcome && 'cluster' in outcome ? [outcome.cluster._id, outcome.cluster.epoch] : (outcome?.kind ?? 'not in this group'));
const events = (group: ChangeGroup, id: string) => group.happened.filter(({ event }) => event.cluster_id === id).map(({ event }) => [event.seq, event.kind]);

it('one agent on two sockets is one cluster; each socket has its epoch, in order, and the events have no gap', () => {
  const group = groupOf();
  expect([register('s1', 'a'), register('s2', 'a')].map((wanted) => told(group.apply(wanted)))).toEqual([['new-1', 1], ['new-1', 2]]);
  expect([...group.inserts.values()]).toMatchObject([{ _id: 'new-1', agent_id: 'a', epoch: 2, owner_socket: 's2', event_seq: 4 }]);
  expect(group.updates.size).toBe(0);
  expect(events(group, 'new-1')).toEqual([[1, 'registered'], [2, 'connected'], [3, 'presence'], [4, 'replaced']]);
});

it('what is refused changes nothing and leaves the others', () => {
  const group = groupOf(known('c1', 'first', 'taken'));
  const wanted: WantedChange[] = [register('s1', 'a'), register('s2', 'b', 'taken'), register('s3', 'c', 'a'), register('s4', 'd')];
  expect(wanted.map((one) => told(group.apply(one)))).toEqual([['new-1', 1], 'name_taken', 'name_taken', ['new-2', 1]]);
  expect([...group.inserts.values()].map(({ agent_id }) => agent_id)).toEqual(['a', 'd']);
  expect([group.updates.size, group.registered.length]).toEqual([0, 2]);
});

it('names and agents of another organization are others', () => {
  const group = groupOf(known('c1', 'a'));
  expect(told(group.apply(register('s1', 'a', 'a', 'o2')))).toEqual(['new-1', 1]);
});

it('a rename frees the old name, but not for the same group: its writes have no order', () => {
  const group = groupOf(known('c1', 'a', 'old'));
  expect(told(group.apply(register('s1', 'a', 'new')))).toEqual(['c1', 1]);
  expect(group.updates.get('c1')).toMatchObject({ name: 'new', epoch: 1 });
  expect(events(group, 'c1')).toEqual([[1, 'renamed'], [2, 'connected'], [3, 'presence']]);
  expect(told(group.apply(register('s2', 'b', 'old')))).toBe('not in this group');
  expect(told(group.apply(register('s2', 'b', 'new')))).toBe('name_taken');
});

it('the socket that has the cluster says again what it is: no new binding', () => {
  const group = groupOf(known('c1', 'a'));
  expect([register('s1', 'a'), register('s1', 'a', 'renamed'), register('s1', 'a', 'renamed')].map((wanted) => told(group.apply(wanted)))).toEqual([['c1', 1], ['c1', 1], ['c1', 1]]);
  expect(events(group, 'c1')).toEqual([[1, 'connected'], [2, 'presence'], [3, 'renamed']]);
});

it('by its id a cluster is found only by those whose it is', () => {
  const group = groupOf(known('c1', 'a'));
  const by = (clusterId: string, orgId: string, agentId?: string) => told(group.apply({ clusterId, change: bind('s1'), of: { orgId, agentId } }));
  expect([by('c1', 'o2'), by('c2', 'o1'), by('c1', 'o1', 'b')]).toEqual(['missing', 'missing', 'other_agent']);
  expect(group.updates.size).toBe(0);
  expect([by('c1', 'o1', 'a'), by('c1', 'o1')]).toEqual([['c1', 1], ['c1', 1]]);
});

it('what a registration does not mention stays; features are told as they are in the end', () => {
  const group = groupOf({ ...known('c1', 'a'), features: '{"commands":true}' });
  group.apply(register('s1', 'a'));
  expect(group.updates.get('c1')).not.toHaveProperty('features');
  group.apply({ registration: storedRegistration('o1', said('a', 'a', { features: { streams: ['exec'] } }), 'secret'), change: bind('s2') });
  expect(group.updates.get('c1')).toMatchObject({ features: '{"streams":["exec"]}', feature_names: ['streams'], service_token: 'secret' });
  expect(group.happened.at(-1)?.cluster.features).toBe('{"streams":["exec"]}');
});

it('the size of a registration is that of what it brings', () => {
  const large = storedRegistration('o1', said('a', 'a', { metadata: { notes: 'x'.repeat(10_000) }, labels: [{ name: 'n'.repeat(100), value: 'v'.repeat(900) }] }), undefined);
  expect(large.bytes).toBeGreaterThan(11_000);
  expect(stored('a').bytes).toBeLessThan(100);
});

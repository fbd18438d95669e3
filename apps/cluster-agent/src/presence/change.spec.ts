import type { ClusterState } from '../records/cluster.schema';
import { changeCluster, type ClusterChange } from './change';

const T0 = new Date('2026-01-01T12:00:00.000Z');
const at = (seconds: number) => new Date(T0.getTime() + seconds * 1000);
const connection = { connected_at: T0, remote_address: '10.0.0.1', key_id: 'k' };
const blank: ClusterState = {
  epoch: 0,
  event_seq: 0,
  owner_replica: null,
  owner_socket: null,
  transport: null,
  connection: null,
  presence: { state: 'offline', reason: null, since: T0, last_seen_at: null },
  lost_at: null,
  replaced_at: [],
  duplicate_until: null,
};
const bind = (socketId: string, more: Partial<Extract<ClusterChange, { kind: 'bind' }>> = {}): ClusterChange => ({
  kind: 'bind', via: 'registered', replicaId: 'r1', socketId, connection, ...more,
});
const lost = (epoch: number, reason = 'connection_lost', forGood = false): ClusterChange => ({ kind: 'lost', epoch, reason, closeCode: 1006, forGood });

/** Applies changes in order; returns the last state and all events as short texts. */
function play(start: ClusterState, ...steps: [number, ClusterChange][]): { state: ClusterState; events: string[] } {
  let state = start;
  const events: string[] = [];
  for (const [seconds, change] of steps) {
    const result = changeCluster(state, change, at(seconds));
    if (!result) {
      events.push('-');
      continue;
    }
    state = result.state;
    for (const { kind, from, to, reason } of result.events) events.push(kind === 'presence' ? `${from} > ${to} ${reason}` : kind);
  }
  return { state, events };
}

it('first registration, cut, reconnect by heartbeat: never offline', () => {
  const { state, events } = play(blank, [0, bind('s1', { registration: { created: true, renamedFrom: null } })], [10, lost(1)], [11, bind('s2', { via: 'heartbeat' })]);
  expect(events).toEqual(['registered', 'connected', 'null > online registered', 'disconnected', 'online > stale connection_lost', 'connected', 'stale > online heartbeat']);
  expect(state).toMatchObject({ epoch: 2, owner_socket: 's2', lost_at: null, event_seq: 7, presence: { state: 'online', reason: 'heartbeat', since: at(11) } });
});

it('black hole: pong missed, closed for silence, offline after the grace', () => {
  const { state, events } = play(
    blank,
    [0, bind('s1')],
    [45, { kind: 'silent', epoch: 1 }],
    [70, lost(1, 'pong_timeout')],
    [129, { kind: 'grace_over', graceMs: 60_000 }],
    [130, { kind: 'grace_over', graceMs: 60_000 }],
  );
  expect(events).toEqual(['connected', 'null > online registered', 'online > stale pong_missed', 'disconnected', 'stale > stale pong_timeout', '-', 'stale > offline pong_timeout']);
  expect(state).toMatchObject({ transport: null, connection: null, owner_replica: null, presence: { since: at(130) } });
});

it('silence that ends is recovery', () => {
  const { events } = play(blank, [0, bind('s1')], [45, { kind: 'silent', epoch: 1 }], [46, { kind: 'recovered', epoch: 1, replicaId: 'r1', socketId: 's1', connection }]);
  expect(events.slice(2)).toEqual(['online > stale pong_missed', 'stale > online recovered']);
});

it('an older socket changes nothing any more', () => {
  const { state, events } = play(blank, [0, bind('s1')], [1, bind('s2', { replicaId: 'r2' })], [2, lost(1)], [3, { kind: 'silent', epoch: 1 }]);
  expect(events).toEqual(['connected', 'null > online registered', 'replaced', '-', '-']);
  expect(state).toMatchObject({ epoch: 2, owner_replica: 'r2', presence: { state: 'online' } });
});

it('replacing a half-open socket that is stale brings it online', () => {
  const { events } = play(blank, [0, bind('s1')], [45, { kind: 'silent', epoch: 1 }], [50, bind('s2', { via: 'heartbeat' })]);
  expect(events.slice(2)).toEqual(['online > stale pong_missed', 'replaced', 'stale > online heartbeat']);
});

it.each([['agent_closed'], ['token_revoked'], ['rebound']])('%s is offline at once', (reason) => {
  expect(play(blank, [0, bind('s1')], [1, lost(1, reason, true)]).events.at(-1)).toBe(`online > offline ${reason}`);
});

it('a lost replica takes only its own clusters along, and may come back', () => {
  const { state, events } = play(
    blank,
    [0, bind('s1')],
    [1, { kind: 'replica_lost', replicaId: 'r9' }],
    [2, { kind: 'replica_lost', replicaId: 'r1' }],
    [3, { kind: 'recovered', epoch: 1, replicaId: 'r1', socketId: 's1', connection }],
  );
  expect(events.slice(2)).toEqual(['-', 'disconnected', 'online > stale replica_lost', 'stale > online recovered']);
  expect(state).toMatchObject({ owner_replica: 'r1', owner_socket: 's1', lost_at: null });
});

it('a socket that was lost for another reason does not recover', () => {
  const { events } = play(blank, [0, bind('s1')], [1, lost(1)], [2, { kind: 'recovered', epoch: 1, replicaId: 'r1', socketId: 's1', connection }]);
  expect(events.at(-1)).toBe('-');
});

it('HTTP only: online by heartbeat, stale and offline by silence', () => {
  const seen: ClusterChange = { kind: 'http_seen', reason: 'heartbeat' };
  const silent: ClusterChange = { kind: 'http_silent', staleMs: 60_000 };
  const { state, events } = play(blank, [0, seen], [59, silent], [60, silent], [61, silent], [180, silent], [181, silent]);
  expect(events).toEqual(['null > online heartbeat', '-', 'online > stale heartbeat_missed', '-', 'stale > offline heartbeat_missed', '-']);
  expect(state.transport).toBeNull();
});

it('HTTP beside a socket does not decide presence', () => {
  const { state, events } = play(blank, [0, bind('s1')], [5, { kind: 'http_seen', reason: 'poll' }], [999, { kind: 'http_silent', staleMs: 1000 }]);
  expect(events).toEqual(['connected', 'null > online registered', '-']);
  expect(state).toMatchObject({ transport: 'websocket', presence: { last_seen_at: at(5) } });
});

it('tells of a new name', () => {
  expect(play(blank, [0, bind('s1', { registration: { created: false, renamedFrom: 'old' } })]).events).toContain('renamed');
});

it('five replacements within a minute: one event, shown for ten minutes', () => {
  const binds = [0, 10, 20, 30, 40, 50, 55].map((seconds, index): [number, ClusterChange] => [seconds, bind(`s${index}`)]);
  const { state, events } = play(blank, ...binds);
  expect(events.filter((event) => event === 'duplicate_agent')).toHaveLength(1);
  expect(state.duplicate_until).toEqual(at(655));
  const slow = [0, 20, 40, 60, 80, 100, 120].map((seconds, index): [number, ClusterChange] => [seconds, bind(`s${index}`)]);
  expect(play(blank, ...slow).events).not.toContain('duplicate_agent');
});

import { presenceAt, reportedSinceAfter, type Gap, type PresenceFacts } from './presence';

const TIMES = { intervalS: 60, staleS: 90, timeoutS: 180 };
const CREATED: PresenceFacts = {
  createdAtMs: -1000,
  suspendedSinceMs: undefined,
  suspensionEndedAtMs: undefined,
  lastConnectedAtMs: undefined,
  lastHeartbeatAtMs: undefined,
  reportedStatus: 'online',
  reportedSinceMs: undefined,
  disconnectedAtMs: undefined,
  disconnectReason: undefined,
};

const ms = (seconds: number) => Math.round(seconds * 1000);

function connect(facts: PresenceFacts, s: number, gaps: readonly Gap[] = []): PresenceFacts {
  return { ...facts, reportedSinceMs: reportedSinceAfter(facts, 'online', ms(s), TIMES, gaps), lastConnectedAtMs: ms(s), reportedStatus: 'online' };
}
function beat(facts: PresenceFacts, s: number, status: PresenceFacts['reportedStatus'], gaps: readonly Gap[] = []): PresenceFacts {
  return { ...facts, reportedSinceMs: reportedSinceAfter(facts, status, ms(s), TIMES, gaps), lastHeartbeatAtMs: ms(s), reportedStatus: status };
}
function at(facts: PresenceFacts, s: number, gaps: readonly Gap[] = []) {
  const { status, reason, sinceMs } = presenceAt(facts, ms(s), TIMES, gaps);
  return [status, reason, sinceMs / 1000];
}

test('a heartbeat that is written after a later connect changes neither status nor reason', () => {
  const before = connect(CREATED, 0);
  const connected = connect(before, 10);
  const late = { ...connected, reportedStatus: 'busy' as const, reportedSinceMs: ms(9), lastHeartbeatAtMs: ms(9) };
  expect(at(late, 11)).toEqual(['online', 'connected', 10]);
  expect(at(beat(late, 12, 'busy'), 12)).toEqual(['busy', 'heartbeat', 12]);
  expect(at({ ...connected, lastHeartbeatAtMs: ms(9) }, 11)).toEqual(['online', 'connected', 0]);
});

test('what is shown after a suspension began when it was lifted, or later', () => {
  const lifted = { ...connect(CREATED, 0), suspensionEndedAtMs: ms(20) };
  expect(at({ ...lifted, suspensionEndedAtMs: undefined, suspendedSinceMs: ms(10) }, 15)).toEqual(['offline', 'suspended', 10]);
  expect(at(lifted, 20)).toEqual(['online', 'connected', 20]);
  expect(at(connect(lifted, 30), 31)).toEqual(['online', 'connected', 20]);
  expect(at(beat(lifted, 40, 'busy'), 41)).toEqual(['busy', 'heartbeat', 40]);
  expect(at({ ...lifted, suspensionEndedAtMs: ms(100) }, 101)).toEqual(['stale', 'heartbeat_late', 100]);
  expect(at({ ...CREATED, suspensionEndedAtMs: ms(5) }, 6)).toEqual(['never_connected', 'never_connected', -1]);
});

test('the worked table of the contract', () => {
  expect(at(CREATED, 0)).toEqual(['never_connected', 'never_connected', -1]);
  let facts = connect(CREATED, 0);
  expect(at(facts, 0)).toEqual(['online', 'connected', 0]);
  facts = beat(facts, 5, 'busy');
  expect(at(facts, 5)).toEqual(['busy', 'heartbeat', 5]);
  facts = beat(facts, 65, 'busy');
  expect(at(facts, 65)).toEqual(['busy', 'heartbeat', 5]);
  expect(at(facts, 155)).toEqual(['busy', 'heartbeat', 5]);
  expect(at(facts, 155.001)).toEqual(['stale', 'heartbeat_late', 155]);
  facts = beat(facts, 200, 'idle');
  expect(at(facts, 200)).toEqual(['idle', 'heartbeat', 200]);
  expect(at(facts, 290.001)).toEqual(['stale', 'heartbeat_late', 290]);
  expect(at(facts, 380.001)).toEqual(['offline', 'heartbeat_timeout', 380]);
  facts = beat(facts, 400, 'online');
  expect(at(facts, 400)).toEqual(['online', 'heartbeat', 400]);
  facts = { ...facts, disconnectedAtMs: ms(410), disconnectReason: 'shutdown' };
  expect(at(facts, 410)).toEqual(['offline', 'disconnected', 410]);
  expect(presenceAt(facts, ms(411), TIMES, []).detail).toBe('shutdown');
  facts = connect(facts, 500);
  const gaps = [{ fromMs: ms(501), toMs: ms(1500) }];
  expect(at(facts, 1500, gaps)).toEqual(['stale', 'controller_gap', 1500]);
  expect(at(facts, 1600, gaps)).toEqual(['stale', 'heartbeat_late', 1500]);
  expect(at(facts, 1679, gaps)).toEqual(['stale', 'heartbeat_late', 1500]);
  expect(at(facts, 1679.001, gaps)).toEqual(['offline', 'heartbeat_timeout', 1679]);
  facts = { ...beat(facts, 1700, 'online', gaps), suspendedSinceMs: ms(1710) };
  expect(at(facts, 1720, gaps)).toEqual(['offline', 'suspended', 1710]);
});

test('nextExpectedAt is told only while something is expected', () => {
  const facts = connect(CREATED, 0);
  expect(presenceAt(CREATED, 0, TIMES, []).nextExpectedAtMs).toBeUndefined();
  expect(presenceAt(facts, ms(10), TIMES, []).nextExpectedAtMs).toBe(ms(60));
  expect(presenceAt(facts, ms(100), TIMES, []).nextExpectedAtMs).toBe(ms(60));
  expect(presenceAt(facts, ms(181), TIMES, []).nextExpectedAtMs).toBeUndefined();
});

test('a heartbeat after a disconnect brings the agent back', () => {
  const gone = { ...connect(CREATED, 0), disconnectedAtMs: ms(10) };
  expect(at(beat(gone, 20, 'online'), 20)).toEqual(['online', 'heartbeat', 20]);
});

test('a connect or heartbeat after the agent was offline starts a new time', () => {
  const facts = beat(connect(CREATED, 0), 10, 'online');
  expect(at(beat(facts, 60, 'online'), 60)).toEqual(['online', 'heartbeat', 0]);
  expect(at(beat(facts, 500, 'online'), 500)).toEqual(['online', 'heartbeat', 500]);
  expect(at(connect(facts, 500), 500)).toEqual(['online', 'connected', 500]);
});

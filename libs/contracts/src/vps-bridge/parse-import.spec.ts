import { parseVpsImport } from './parse-import';

const message = { role: 'user', content: 'hi', timestamp: '2026-02-18T21:30:00.000Z' };
const session = (over: object = {}) => ({ session_id: 's', user_id: 'u', created_at: '2026-02-18T21:30:00Z', messages: [message], ...over });
const parse = (over: object = {}) => parseVpsImport({ sessions: { s: session(over) } });
const refused = (over: object) => {
  const result = parse(over);
  return result.ok ? null : result.problems[0]?.field;
};

it('fills in what older files leave out', () => {
  expect(parse()).toEqual({
    ok: true,
    value: [
      {
        sessionId: 's',
        userId: 'u',
        createdAtMs: Date.UTC(2026, 1, 18, 21, 30),
        lastActivityMs: Date.UTC(2026, 1, 18, 21, 30),
        metadata: {},
        messages: [{ role: 'user', content: 'hi', timestampMs: Date.UTC(2026, 1, 18, 21, 30), agent: '', incomplete: false }],
      },
    ],
  });
});

it.each([
  ['2026-02-18T21:30:00.123456', 123],
  ['2026-02-18T21:30:00', 0],
  ['2026-02-18T22:30:00.5+01:00', 500],
])('reads the time %s', (created_at, ms) => {
  const result = parse({ created_at });
  expect(result.ok && result.value[0]?.createdAtMs).toBe(Date.UTC(2026, 1, 18, 21, 30, 0, ms));
});

it.each<[object, string]>([
  [{ session_id: 'other' }, 'sessions.s.session_id'],
  [{ user_id: undefined }, 'sessions.s.user_id'],
  [{ user_id: 5 }, 'sessions.s.user_id'],
  [{ created_at: 'yesterday' }, 'sessions.s.created_at'],
  [{ created_at: '2026-13-45T00:00:00Z' }, 'sessions.s.created_at'],
  [{ messages: {} }, 'sessions.s.messages'],
  [{ messages: [null] }, 'sessions.s.messages[0]'],
  [{ messages: [message, { ...message, role: 'robot' }] }, 'sessions.s.messages[1].role'],
  [{ messages: [{ ...message, content: null }] }, 'sessions.s.messages[0].content'],
  [{ messages: [{ ...message, content: '\ud800' }] }, 'sessions.s.messages[0].content'],
  [{ messages: [{ ...message, timestamp: 5 }] }, 'sessions.s.messages[0].timestamp'],
  [{ metadata: [] }, 'sessions.s.metadata'],
  [{ metadata: { 'a\u0000': 1 } }, 'sessions.s.metadata'],
])('refuses %j', (over, field) => {
  expect(refused(over)).toBe(field);
});

it.each([{}, { sessions: [] }, { sessions: null }, 5, { sessions: { export: session({ session_id: 'export' }) } }, { sessions: { s: null } }])('refuses the file %j', (file) => {
  expect(parseVpsImport(file).ok).toBe(false);
});

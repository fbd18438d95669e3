import { explainClose } from '../bindings/agent-socket';
import { ConnectLimits } from './connect-limits';
import { parsePollQuery } from './poll-query';
import { tokenFromQuery } from './query-token';

describe('tokenFromQuery', () => {
  it.each([
    ['', undefined],
    ['a=b', undefined],
    ['token=afk_x', 'afk_x'],
    ['a=b&token=afk_x%2D', 'afk_x-'],
    ['token=', ''],
    ['token', ''],
    ['token=a&token=a', ''],
    ['token[]=a', ''],
    ['token[$ne]=a', ''],
    ['Token=a', ''],
    ['%74oken=a', ''],
    ['token=%zz', ''],
    ['token=%ff', ''],
    [`token=${'a'.repeat(600)}`, ''],
  ])('%s', (query, token) => expect(tokenFromQuery(query)).toBe(token));
});

describe('ConnectLimits', () => {
  const limits = { maxConnections: 2, connectsPerMinute: 3 };
  const never = () => false;
  const setUp = () => {
    const clock = { ms: 0 };
    return { clock, limiter: new ConnectLimits(() => clock.ms) };
  };

  it('counts open sockets per key', () => {
    const { limiter } = setUp();
    expect(limiter.admit('k', limits, never).kind).toBe('admitted');
    expect(limiter.admit('k', limits, never).kind).toBe('admitted');
    expect(limiter.admit('k', limits, never)).toEqual({ kind: 'refused', code: 'connection_limit', retryAfterSeconds: 10 });
    expect(limiter.admit('other', limits, never).kind).toBe('admitted');
    expect(limiter.admit('k', limits, () => true).kind).toBe('admitted');
    limiter.release('k');
    limiter.release('k');
    expect(limiter.admit('k', { ...limits, connectsPerMinute: 9 }, never).kind).toBe('admitted');
  });

  it('slides: refused attempts do not count, and the wait is the time until one is free', () => {
    const { limiter, clock } = setUp();
    const open = (ms: number) => {
      clock.ms = ms;
      const admission = limiter.admit('k', limits, never);
      if (admission.kind === 'admitted') limiter.release('k');
      return admission;
    };
    for (const ms of [0, 1000, 2000]) expect(open(ms).kind).toBe('admitted');
    expect(open(30_000)).toEqual({ kind: 'refused', code: 'rate_limited', retryAfterSeconds: 30 });
    expect(open(59_999)).toEqual({ kind: 'refused', code: 'rate_limited', retryAfterSeconds: 1 });
    expect(open(60_000).kind).toBe('admitted');
    expect(open(60_001).kind).toBe('refused');
  });
});

describe('explainClose', () => {
  const facts = { code: 1006, closingWith: undefined, protocolError: undefined, silentMs: 0, staleAfterMs: 60_000, congested: false };
  it.each([
    [{}, 'connection_lost', false],
    [{ code: 1005 }, 'connection_lost', false],
    [{ code: 1000 }, 'agent_closed', true],
    [{ code: 1001 }, 'agent_closed', true],
    [{ code: 4999 }, 'connection_lost', false],
    [{ silentMs: 60_000 }, 'pong_timeout', false],
    [{ code: 4408, silentMs: 61_000 }, 'pong_timeout', false],
    [{ code: 1000, silentMs: 61_000 }, 'agent_closed', true],
    [{ protocolError: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' }, 'message_too_big', false],
    [{ protocolError: 'WS_ERR_EXPECTED_MASK' }, 'protocol_error', false],
    [{ code: 1008 }, 'protocol_error', false],
    [{ congested: true }, 'slow_consumer', false],
    [{ closingWith: 4401 }, 'token_revoked', true],
    [{ closingWith: 4408 }, 'connection_lost', false],
  ])('%j', (part, reason, forGood) => expect(explainClose({ ...facts, ...part })).toMatchObject({ reason, forGood }));
});

it('reads the query of a poll', () => {
  expect(parsePollQuery({})).toEqual({ ok: true, value: { waitMs: 0, max: 10 } });
  expect(parsePollQuery({ wait_seconds: '30', max: '50' })).toEqual({ ok: true, value: { waitMs: 30_000, max: 50 } });
  for (const bad of [{ wait_seconds: '31' }, { max: '0' }, { max: '-1' }, { wait_seconds: ['1', '2'] }, { max: 'x' }]) {
    expect(parsePollQuery(bad).ok).toBe(false);
  }
});

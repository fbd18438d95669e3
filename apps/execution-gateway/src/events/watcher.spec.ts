import type { StoredFrame } from './event.repository';
import { Watcher } from './watcher';

const frames = (from: number, to: number): StoredFrame[] =>
  Array.from({ length: to - from + 1 }, (_, at) => ({ seq: from + at, frame: `f${from + at}`, type: 'text' }));

/** A log in memory, and a peer that may be slow. */
function rig(stored: number) {
  const state = { log: frames(1, stored), sent: [] as number[], buffered: 0, closed: null as number | null, ended: false, reads: 0 };
  const watcher = new Watcher(
    {
      kind: 'socket',
      send: (frame) => void state.sent.push(frame.seq),
      bufferedBytes: () => state.buffered,
      close: (code) => void (state.closed = code),
    },
    {
      read: async (position, end, limit) => {
        state.reads += 1;
        const found = state.log.filter((frame) => frame.seq > position && frame.seq <= end).slice(0, limit);
        await Promise.resolve();
        return found;
      },
      failed: () => undefined,
      clock: { monotonicMs: () => performance.now(), sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) },
      closed: () => void (state.ended = true),
    },
  );
  /** What a commit does: the log first, then the watchers. */
  const commit = (count: number): void => {
    const from = state.log.length + 1;
    const added = frames(from, from + count - 1);
    state.log.push(...added);
    watcher.offer(added);
  };
  return { state, watcher, commit };
}

const settle = () => new Promise((resolve) => setTimeout(resolve, 10));
const numbers = (from: number, to: number) => frames(from, to).map((frame) => frame.seq);

describe('Watcher', () => {
  it('gets nothing before it follows', async () => {
    const { state, commit } = rig(3);
    commit(2);
    await settle();
    expect(state.sent).toEqual([]);
  });

  it('replays, then takes batches from memory', async () => {
    const { state, watcher, commit } = rig(250);
    watcher.follow(10, state.log.length);
    await settle();
    expect(state.sent).toEqual(numbers(11, 250));
    const { reads } = state;
    commit(3);
    expect(state.sent).toEqual(numbers(11, 253));
    expect(state.reads).toBe(reads); // without the log
  });

  it('loses and doubles nothing while commits and reads interleave', async () => {
    const { state, watcher, commit } = rig(120);
    watcher.follow(0, state.log.length);
    for (let n = 0; n < 50; n++) {
      commit(3);
      if (n % 7 === 0) watcher.caughtUpTo(state.log.length);
      if (n % 3 === 0) await Promise.resolve();
    }
    await settle();
    expect(state.sent).toEqual(numbers(1, 270));
  });

  it('reads from the log what it did not get from memory', async () => {
    const { state, watcher } = rig(5);
    watcher.follow(5, state.log.length);
    await settle();
    state.log.push(...frames(6, 9)); // committed on another replica
    watcher.offer(frames(8, 9)); // begins behind the position
    await settle();
    expect(state.sent).toEqual(numbers(6, 9));
  });

  it('reads no further than the log is known to reach: what a dead executor left behind its end does not count', async () => {
    const { state, watcher } = rig(5);
    watcher.follow(0, 3);
    await settle();
    expect(state.sent).toEqual([1, 2, 3]);
    watcher.caughtUpTo(4);
    await settle();
    expect(state.sent).toEqual([1, 2, 3, 4]);
  });

  it('stops sending to a peer that does not read, and goes on where it was', async () => {
    const { state, watcher, commit } = rig(2);
    watcher.follow(0, state.log.length);
    await settle();
    state.buffered = 2 * 1024 * 1024;
    commit(4);
    commit(4);
    await settle();
    expect(state.sent).toEqual([1, 2]);
    state.buffered = 0;
    for (let i = 0; state.sent.length < 10 && i < 500; i++) await settle();
    expect(state.sent).toEqual(numbers(1, 10));
  });

  it('gives up on a peer that makes no progress for 30 s', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] });
    const { state, watcher, commit } = rig(0);
    watcher.follow(0, state.log.length);
    await jest.advanceTimersByTimeAsync(10);
    state.buffered = 2 * 1024 * 1024;
    commit(1);
    await jest.advanceTimersByTimeAsync(29_000);
    expect(state.closed).toBeNull();
    await jest.advanceTimersByTimeAsync(2_000);
    expect(state.closed).toBe(1013);
    expect(state.ended).toBe(true);
    jest.useRealTimers();
  });

  it('closes for good only when everything was sent', async () => {
    const { state, watcher, commit } = rig(3);
    watcher.follow(0, state.log.length);
    await settle();
    watcher.closeAt(5, 4004, 'session deleted');
    expect(state.closed).toBeNull();
    commit(2);
    expect(state.sent).toEqual(numbers(1, 5));
    expect(state.closed).toBe(4004);
  });

  it('tells a milestone once, after what lies before it', async () => {
    const { state, watcher } = rig(3);
    const told: number[] = [];
    watcher.follow(0, 3, { seq: 3, reached: () => void told.push(state.sent.length) });
    await settle();
    watcher.caughtUpTo(3);
    await settle();
    expect(told).toEqual([3]);
  });

  it('moves back and forth by resume, also in the middle of a read', async () => {
    const { state, watcher } = rig(5);
    watcher.follow(4, state.log.length);
    watcher.follow(2, state.log.length);
    await settle();
    expect(state.sent).toEqual([3, 4, 5]);
    watcher.follow(0, state.log.length);
    await settle();
    expect(state.sent).toEqual([3, 4, 5, 1, 2, 3, 4, 5]);
  });
});

import { SlidingWindow } from './sliding-window';

function setUp() {
  const clock = { ms: 0 };
  return { clock, window: new SlidingWindow(60_000, () => clock.ms) };
}

test('has room for so many within the window, and says when it has again', () => {
  const { clock, window } = setUp();
  for (const at of [0, 10_000, 20_000]) {
    clock.ms = at;
    expect(window.blockedForSeconds('a', 3)).toBe(0);
    window.add('a', 3);
  }
  expect(window.countOf('a')).toBe(3);
  expect(window.blockedForSeconds('a', 3)).toBe(40);
  expect(window.blockedForSeconds('a', 2)).toBe(50); // the limit may have been lowered
  expect(window.blockedForSeconds('b', 3)).toBe(0);
  clock.ms = 59_999;
  expect(window.blockedForSeconds('a', 3)).toBe(1);
  clock.ms = 60_000;
  expect(window.blockedForSeconds('a', 3)).toBe(0);
  expect(window.countOf('a')).toBe(2);
});

test('keeps the newest of a flood, so that its memory and its work stay small', () => {
  const { clock, window } = setUp();
  for (let i = 0; i < 100_000; i++) {
    clock.ms = i / 100;
    window.add('a', 5);
  }
  expect(window.countOf('a')).toBe(5);
  clock.ms += 60_001;
  expect(window.countOf('a')).toBe(0);
});

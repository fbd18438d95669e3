import { blockedForSeconds, withinWindow } from './failure-window';
import { waitingTime } from './waiting-time';

test('a wait is told in words', () => {
  expect([0, 1, 40, 60, 61, 833, 900].map(waitingTime)).toEqual(['1 second', '1 second', '40 seconds', '60 seconds', '2 minutes', '14 minutes', '15 minutes']);
});

const RULE = { limit: 3, windowMs: 60_000 };

test('the window slides: a failure leaves it a minute after it happened, not at the end of some fixed minute', () => {
  const times = [10_000, 50_000, 65_000];
  expect(blockedForSeconds(times.slice(0, 2), 66_000, RULE)).toBe(0);
  expect(blockedForSeconds(times, 66_000, RULE)).toBe(4);
  expect(blockedForSeconds(times, 69_999, RULE)).toBe(1);
  expect(blockedForSeconds(times, 70_000, RULE)).toBe(0);
  expect(blockedForSeconds([...times, 70_001], 70_001, RULE)).toBe(40);
});

test('more failures than the limit (two replicas at once) block until so many are left that one has room', () => {
  const times = [1000, 2000, 3000, 4000, 5000];
  expect(withinWindow(times, 6000, RULE)).toEqual([3000, 4000, 5000]);
  expect(blockedForSeconds(times, 6000, RULE)).toBe(57);
  expect(blockedForSeconds(times, 63_000, RULE)).toBe(0);
});

test('clocks of replicas differ a little: order does not matter', () => {
  expect(blockedForSeconds([3000, 1000, 2000], 4000, RULE)).toBe(57);
});

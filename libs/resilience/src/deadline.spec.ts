import { Deadline } from './deadline';
import { FakeClock } from './fake-clock.spec-helper';

describe('Deadline', () => {
  it('counts down to zero and is over at its very moment', () => {
    const clock = new FakeClock();
    const deadline = Deadline.after(500, clock);
    expect(deadline.remainingMs()).toBe(500);
    clock.timeMs += 499;
    expect(deadline.isOver).toBe(false);
    clock.timeMs += 1;
    expect(deadline.isOver).toBe(true);
    clock.timeMs += 1000;
    expect(deadline.remainingMs()).toBe(0);
  });

  it('gives out parts that never outlast it', () => {
    const clock = new FakeClock();
    const whole = Deadline.after(500, clock);
    expect(whole.within(200).remainingMs()).toBe(200);
    expect(whole.within(800)).toBe(whole);
    expect(whole.within(500)).toBe(whole);
  });
});

import { SessionCount } from './session-count';

/** A count whose answers the spec gives by hand. */
function manual() {
  const waiting: { resolve: (n: number) => void; reject: (e: Error) => void }[] = [];
  let begun = 0;
  const count = new SessionCount(() => {
    begun += 1;
    return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  });
  return { count, begun: () => begun, answer: (n: number) => waiting.shift()?.resolve(n), fail: () => waiting.shift()?.reject(new Error('away')) };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('SessionCount', () => {
  it('never answers with a count that began before the question', async () => {
    const { count, begun, answer } = manual();
    const first = count.now();
    const [second, third] = [count.now(), count.now()];
    answer(1);
    expect(await first).toBe(1);
    await settle();
    expect(begun()).toBe(2); // one for both that came meanwhile
    answer(4);
    expect(await second).toBe(4);
    expect(await third).toBe(4);
    expect(count.last).toBe(4);
  });

  it('goes on after a failure and keeps the last known number', async () => {
    const { count, answer, fail } = manual();
    const first = count.now();
    answer(7);
    await first;
    const failing = count.now();
    const waiting = count.now();
    fail();
    await expect(failing).rejects.toThrow('away');
    await settle();
    expect(count.last).toBe(7);
    answer(8);
    expect(await waiting).toBe(8);
  });
});

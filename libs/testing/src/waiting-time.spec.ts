import { waitedFor } from './waiting-time';

const pause = (ms: number) => new Promise<string>((resolve) => setTimeout(resolve, ms, 'done'));
const endOf = (ms: number) => performance.now() + ms;

test('a pause is waited for, work is not', async () => {
  const paused = await waitedFor(() => pause(300));
  expect([paused.result, paused.waitedMs > 150]).toEqual(['done', true]);
  const worked = await waitedFor(async () => {
    for (let round = 0; round < 3; round++) {
      await pause(0);
      for (const end = endOf(200); performance.now() < end; );
    }
  });
  expect(worked.waitedMs).toBeLessThan(150);
  await expect(waitedFor(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
});

import { jsonItems, processorTimeGrowth } from './processor-time';

/** Keeps the processor busy for so many of its milliseconds. */
function burn(ms: number): Promise<void> {
  const from = process.cpuUsage();
  for (;;) {
    const { user, system } = process.cpuUsage(from);
    if (user + system >= ms * 1000) return Promise.resolve();
  }
}

test('work in proportion to its size is told from work with the square', async () => {
  expect(await processorTimeGrowth({ from: 5, to: 20, noiseMs: 1, work: (size) => burn(size) })).toBe('in proportion');
  expect(await processorTimeGrowth({ from: 4, to: 16, noiseMs: 1, work: (size) => burn((size * size) / 8) })).toMatch(/^[\d.]+ ms for 4, [\d.]+ ms for 16$/);
});

test('one bad try changes nothing; what costs next to nothing is in proportion; a failure is passed on', async () => {
  let tries = 0;
  const work = (size: number) => burn(size === 20 && tries++ < 3 ? 80 : size);
  expect(await processorTimeGrowth({ from: 5, to: 20, noiseMs: 1, work })).toBe('in proportion');
  expect(await processorTimeGrowth({ from: 1, to: 4, noiseMs: 10, work: (size) => burn(size * size) })).toBe('in proportion');
  await expect(processorTimeGrowth({ from: 1, to: 2, noiseMs: 1, work: () => Promise.reject(new Error('no')) })).rejects.toThrow('no');
});

test('items of a body', () => {
  expect(jsonItems(3, (n) => `"${n}"`)).toBe('"0","1","2"');
});

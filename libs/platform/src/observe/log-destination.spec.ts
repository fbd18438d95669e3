import { LogDestination, MAX_WAITING_BYTES } from './log-destination';

/** An output that takes what it is told to take. */
class Output {
  text = '';
  writes = 0;
  /** Bytes that it still takes before it refuses. */
  room = Number.POSITIVE_INFINITY;
  code = 'ENOSPC';

  readonly take = (bytes: Buffer): number => {
    this.writes++;
    if (this.room === 0) throw Object.assign(new Error('no room'), { code: this.code });
    const count = Math.min(bytes.length, this.room);
    this.room -= count;
    this.text += bytes.subarray(0, count).toString();
    return count;
  };
}

let output: Output;
let destination: LogDestination;
let told: [lines: number, code: string][];
let dropped: number;
beforeEach(() => {
  jest.useFakeTimers();
  output = new Output();
  destination = new LogDestination(output.take);
  [told, dropped] = [[], 0];
  destination.watch({ dropped: () => dropped++, recovered: (lines, code) => void told.push([lines, code]) });
});
afterEach(() => jest.useRealTimers());

const INFO = '{"level":"info","msg":"a"}\n';

test('many lines make one write, soon', () => {
  for (let i = 0; i < 100; i++) destination.write(INFO);
  expect(output.writes).toBe(0);
  jest.advanceTimersByTime(10);
  expect([output.writes, output.text]).toEqual([1, INFO.repeat(100)]);
});

test.each(['error', 'fatal'])('a line of level %s is written at once, after those before it', (level) => {
  destination.write(INFO);
  destination.write(`{"level":"${level}","msg":"b"}\n`);
  expect(output.text).toBe(`${INFO}{"level":"${level}","msg":"b"}\n`);
});

test('much is written at once', () => {
  for (let i = 0; i < 3000; i++) destination.write(INFO);
  expect(output.text.length).toBeGreaterThan(64 * 1024);
});

test('what waits is written at the exit', () => {
  destination.write(INFO);
  destination.flush();
  expect(output.text).toBe(INFO);
});

test.each(['ENOSPC', 'EPIPE', 'EAGAIN'])('an output that refuses (%s) is tried again, and nothing is torn or lost while there is room in memory', (code) => {
  output.code = code;
  output.room = INFO.length + 7;
  for (let i = 0; i < 5; i++) destination.write(INFO);
  jest.advanceTimersByTime(10);
  expect(output.text).toBe(`${INFO}${INFO.slice(0, 7)}`);
  destination.write('{"level":"error","msg":"later"}\n');
  jest.advanceTimersByTime(1000);
  output.room = Number.POSITIVE_INFINITY;
  jest.advanceTimersByTime(500);
  expect(output.text).toBe(`${INFO.repeat(5)}{"level":"error","msg":"later"}\n`);
  expect([told, dropped]).toEqual([[], 0]);
});

test('an output that takes nothing and says nothing is tried again', () => {
  const lazy = new LogDestination(() => 0);
  lazy.write(INFO);
  lazy.flush();
  expect(jest.getTimerCount()).toBe(1);
});

test('lines beyond 1 MiB are dropped, counted, and told once when there is room again', () => {
  output.room = 0;
  const line = `${'x'.repeat(999)}\n`;
  const count = Math.ceil(MAX_WAITING_BYTES / 1000) + 51;
  for (let i = 0; i < count; i++) destination.write(line);
  const tries = output.writes;
  expect([tries < 5, dropped > 40, told]).toEqual([true, true, []]); // it does not try with every line
  output.room = Number.POSITIVE_INFINITY;
  jest.advanceTimersByTime(500);
  expect(told).toEqual([[dropped, 'ENOSPC']]);
  expect(output.text.length / 1000 + dropped).toBe(count);
  destination.write(INFO);
  jest.advanceTimersByTime(10);
  expect([output.text.endsWith(INFO), told.length]).toEqual([true, 1]);
});

import { EventStream } from './event-stream';

beforeEach(() => void jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] }));
afterEach(() => void jest.useRealTimers());

const read = (events: EventStream) => String(events.body.read() ?? '');
const fill = (events: EventStream) => {
  while (events.drained() === null) events.send('text', { agent: 'a', delta: 'x'.repeat(256 * 1024) });
};

it('writes events as data of one line', () => {
  const events = new EventStream();
  events.send('text', { agent: 'a', delta: 'two\nlines\u2028' });
  events.end();
  expect(read(events)).toBe('event: text\ndata: {"agent":"a","delta":"two\\nlines\u2028"}\n\n');
});

it('says every 15 s that it is still there, until it ends', () => {
  const events = new EventStream();
  jest.advanceTimersByTime(14_999);
  expect(read(events)).toBe('');
  jest.advanceTimersByTime(1);
  expect(read(events)).toBe(': still here\n\n');
  jest.advanceTimersByTime(30_000);
  expect(read(events)).toBe(': still here\n\n: still here\n\n');
  events.end();
  jest.advanceTimersByTime(60_000);
  expect(read(events)).toBe('');
  expect(events.signal.aborted).toBe(false);
});

it('has the writer wait beyond 1 MiB, and go on when there is room', async () => {
  const events = new EventStream();
  fill(events);
  const drained = events.drained();
  expect(events.body.readableLength).toBeGreaterThan(1024 * 1024);
  expect(events.body.readableLength).toBeLessThan(1.5 * 1024 * 1024);
  events.body.resume();
  await drained;
  expect(events.signal.aborted).toBe(false);
});

it('gives a client up that takes nothing for 60 s', async () => {
  const events = new EventStream();
  fill(events);
  const drained = events.drained();
  jest.advanceTimersByTime(59_999);
  expect(events.signal.aborted).toBe(false);
  jest.advanceTimersByTime(1);
  await drained;
  expect([events.signal.reason, events.body.destroyed]).toEqual(['client_stalled', true]);
});

it('tells when the client has left, and drops what is said afterwards', () => {
  const events = new EventStream();
  events.body.destroy();
  expect(events.signal.reason).toBe('client_left');
  events.send('text', { agent: 'a', delta: 'x' });
  events.end();
  expect(events.body.readableLength).toBe(0);
});

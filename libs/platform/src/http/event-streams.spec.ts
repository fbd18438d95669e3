import { finished } from 'node:stream/promises';
import { Lifecycle } from '../lifecycle';
import { createLog } from '../observe/log';
import { Metrics } from '../observe/metrics';
import { EventStreams } from './event-streams';

function setUp() {
  const lifecycle = new Lifecycle(createLog({ app: 'probe', replicaId: 'probe-1', level: 'silent', destination: { write: () => undefined } }), new Metrics({ defaults: false }));
  return { lifecycle, streams: new EventStreams(lifecycle) };
}
const LARGE = 'x'.repeat(600_000);

test('sends events, and what was sent before the end arrives', async () => {
  const { streams } = setUp();
  const stream = streams.open();
  stream.sendRetry(1000);
  stream.send({ event: 'text', id: 7, data: { delta: 'é\n' } });
  stream.send({ data: '{"seq":1}' });
  stream.end();
  stream.send({ data: 'late' });
  expect(Buffer.concat(await stream.body.toArray()).toString()).toBe('retry: 1000\n\nid: 7\nevent: text\ndata: {"delta":"é\\n"}\n\ndata: {"seq":1}\n\n');
  expect(stream.signal.aborted).toBe(false);
  expect(streams.size).toBe(0);
});

test('a writer waits while the client takes nothing, and goes on when it does', async () => {
  const { streams } = setUp();
  const stream = streams.open();
  stream.send({ data: LARGE });
  expect(stream.drained()).toBeUndefined();
  stream.send({ data: LARGE });
  const drained = stream.drained();
  expect(drained).toBeInstanceOf(Promise);
  stream.body.read();
  await drained;
  stream.end();
});

test('a client that leaves is known, and who waits for it goes on', async () => {
  const { streams } = setUp();
  const stream = streams.open();
  for (let i = 0; i < 3; i++) stream.send({ data: LARGE });
  const drained = stream.drained();
  stream.body.destroy();
  await drained;
  expect(stream.signal.reason).toBe('client_left');
  expect(stream.isOpen).toBe(false);
  expect(streams.size).toBe(0);
});

test('a client that does not read its end is cut off', async () => {
  const { streams } = setUp();
  const stream = streams.open();
  stream.send({ data: LARGE });
  stream.endWithin(10);
  await finished(stream.body).catch(() => undefined);
  expect(stream.body.destroyed).toBe(true);
  expect(stream.signal.aborted).toBe(false); // it was we who ended it
});

test('streams end at shutdown, or as their owner says', async () => {
  const { streams, lifecycle } = setUp();
  const plain = streams.open();
  const polite = streams.open({ atShutdown: (stream) => (stream.send({ event: 'end', data: { reason: 'shutdown' } }), stream.end()) });
  await lifecycle.drain(1000);
  expect([plain.isOpen, polite.isOpen]).toEqual([false, false]);
  expect(Buffer.concat(await polite.body.toArray()).toString()).toBe('event: end\ndata: {"reason":"shutdown"}\n\n');
});

describe('by the clock', () => {
  beforeEach(() => void jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] }));
  afterEach(() => void jest.useRealTimers());

  test('a comment of the stream\'s own every 15 s, until it ends', () => {
    const stream = setUp().streams.open({ comment: ' still here' });
    const read = () => String(stream.body.read() ?? '');
    jest.advanceTimersByTime(14_999);
    expect(read()).toBe('');
    jest.advanceTimersByTime(1);
    expect(read()).toBe(': still here\n\n');
    stream.end();
    jest.advanceTimersByTime(60_000);
    expect(read()).toBe('');
    expect(stream.signal.aborted).toBe(false);
  });

  test('a client that takes nothing for 60 s is given up', async () => {
    const stream = setUp().streams.open();
    for (let i = 0; i < 3; i++) stream.send({ data: LARGE });
    const drained = stream.drained();
    jest.advanceTimersByTime(59_999);
    expect(stream.signal.aborted).toBe(false);
    jest.advanceTimersByTime(1);
    await drained;
    expect([stream.signal.reason, stream.body.destroyed]).toEqual(['client_stalled', true]);
  });
});

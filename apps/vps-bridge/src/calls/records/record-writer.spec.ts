import { Lifecycle, Metrics, type Clock, type Log } from '@agentfleet/platform';
import type { CallLeases } from './call-leases';
import type { CallRepository, EndedCall, OpenCall } from './call.repository';
import { RecordWriter } from './record-writer';

/** A repository that keeps records in memory, in which single writes can be held up or fail. */
function fakeRepository() {
  const stored = new Map<string, string>();
  const written: string[] = [];
  let landing: (() => void) | null = null;
  const failing = { insertEnded: false, openMany: false };
  const fake = {
    async insertEnded(calls: readonly EndedCall[]) {
      if (failing.insertEnded) throw new Error('away');
      for (const { _id } of calls) if (!stored.has(_id)) stored.set(_id, 'ended');
    },
    async openMany(calls: readonly OpenCall[]) {
      if (calls.length === 0) return;
      await new Promise<void>((land) => (landing = land));
      landing = null;
      if (failing.openMany) throw new Error('away');
      for (const { callId } of calls) stored.set(callId, 'running');
      written.push('opened');
    },
    async replaceEnded(calls: readonly EndedCall[]) {
      for (const { _id } of calls) stored.set(_id, 'ended');
      if (calls.length > 0) written.push('replaced');
    },
    finish: async () => undefined,
    discard: async (callId: string) => void stored.delete(callId),
  };
  return { repository: fake as unknown as CallRepository, stored, written, failing, land: () => landing?.(), isLanding: () => landing !== null }; // the methods that the writer uses
}

function setUp() {
  const fake = fakeRepository();
  const clock = { now: () => 1_000_000 } as Clock; // all that the writer asks it for
  const log = { warn: () => undefined } as unknown as Log; // as above
  const lifecycle = new Lifecycle(log, new Metrics({ defaults: false }));
  const leases = { add: () => undefined, remove: () => undefined } as unknown as CallLeases; // as above
  return { ...fake, writer: new RecordWriter(fake.repository, leases, clock, lifecycle) };
}

const long = { callId: 'long', createdAtMs: 0 } as OpenCall; // begun long ago
const ended = (id: string) => ({ _id: id }) as EndedCall; // nothing else of it matters here

it('writes the end of a call behind its opening, however late that lands and whatever else fails meanwhile', async () => {
  const { writer, stored, written, failing, land, isLanding } = setUp();
  failing.insertEnded = true;
  writer.add(ended('short'));
  writer.begin('long', 0, () => long);
  const first = writer.flush();
  await Promise.resolve();
  expect(isLanding()).toBe(true);
  writer.add(ended('long'));
  failing.insertEnded = false;
  const second = writer.flush();
  await new Promise(setImmediate); // whatever would not wait for the opening has happened now
  expect(written).toEqual([]);
  land();
  await Promise.all([first, second]);
  expect(written).toEqual(['opened', 'replaced']);
  expect(Object.fromEntries(stored)).toEqual({ short: 'ended', long: 'ended' });
});

it('tries again what failed, and only that', async () => {
  const { writer, stored, written, failing, land } = setUp();
  failing.openMany = true;
  writer.add(ended('short'));
  writer.begin('long', 0, () => long);
  const first = writer.flush();
  await new Promise(setImmediate);
  land();
  await first;
  expect([...stored.keys()]).toEqual(['short']);
  stored.delete('short');
  failing.openMany = false;
  const second = writer.flush();
  await new Promise(setImmediate);
  land();
  await second;
  expect([Object.fromEntries(stored), written]).toEqual([{ long: 'running' }, ['opened']]);
});

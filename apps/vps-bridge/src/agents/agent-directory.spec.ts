import { newHealth, type HealthState } from '@agentfleet/health';
import { systemClock } from '@agentfleet/platform';
import type { HealthRepository, StoredHealth } from '../health-records/health.repository';
import type { HealthWriter } from '../health-records/health-writer';
import { AgentDirectory } from './agent-directory';
import type { AgentRepository } from './agent.repository';

/** A directory over one agent; two of its requests are counted here and not written. */
function setUp() {
  const stored: StoredHealth = { agentId: 'id', orgId: 'o', name: 'a', version: 3, state: newHealth(0), counted: [] };
  const agent = { id: 'id', orgId: 'o', name: 'a', host: 'h', port: 1, protocol: 'http', authToken: null, api: 'messages', model: null };
  const waiting = { counted: 2 };
  let replaced: (record: StoredHealth) => void = () => undefined;
  const writer = {
    onReplaced: (listener: (record: StoredHealth) => void) => void (replaced = listener),
    seenHere: ({ state }: StoredHealth): HealthState => ({ ...state, requests: state.requests + waiting.counted }),
  };
  const records = { findByName: () => Promise.resolve(stored) };
  // of all three only these methods are used
  const directory = new AgentDirectory({ findByName: () => Promise.resolve(agent) } as unknown as AgentRepository, records as unknown as HealthRepository, writer as unknown as HealthWriter, systemClock);
  return { directory, stored, waiting, write: (record: StoredHealth) => replaced(record) };
}

it('an agent that is read, also again after a drop, comes with what this replica has counted and not written', async () => {
  const { directory } = setUp();
  expect((await directory.find('o', 'a'))?.health.requests).toBe(2);
  directory.forget('o', 'a');
  expect((await directory.find('o', 'a'))?.health.requests).toBe(2);
});

it('a record that this replica has written is known at once, with what waits on top; another agent of that name is not touched', async () => {
  const { directory, stored, waiting, write } = setUp();
  const known = (await directory.find('o', 'a'))!;
  waiting.counted = 1;
  const written = { ...stored, version: 4, state: { ...stored.state, requests: 2 } };
  write(written);
  expect([known.stored, known.health.requests]).toEqual([written, 3]);
  write({ ...written, agentId: 'of a former agent', version: 9 });
  expect(known.stored).toBe(written);
});

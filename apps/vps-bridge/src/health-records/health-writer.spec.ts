import { classifyFailure } from '@agentfleet/errors';
import { newHealth, type HealthState, type Outcome } from '@agentfleet/health';
import type { VpsHealthChangedNotice } from '@agentfleet/contracts';
import { Metrics, type Bus, type Lifecycle, type Replica } from '@agentfleet/platform';
import fc from 'fast-check';
import type { VpsBridgeEnv } from '../env';
import { HealthWriter } from './health-writer';
import type { HealthRepository, StoredHealth } from './health.repository';

type Mishap = 'none' | 'refused' | 'answer lost';

/** The records as MongoDB keeps them, each replaced only over its version; what goes wrong is said beforehand. */
class Records {
  readonly records = new Map<string, StoredHealth>();
  /** One for each operation, in turn. */
  mishaps: Mishap[] = [];

  add(agentId: string): StoredHealth {
    const record = { agentId, orgId: 'o', name: agentId, version: 1, state: newHealth(0), counted: [] };
    this.records.set(agentId, record);
    return record;
  }

  of(agentId: string): StoredHealth {
    const found = this.records.get(agentId);
    if (found === undefined) throw new Error(`There is no ${agentId}`);
    return found;
  }

  private async run<T>(operation: () => T): Promise<T> {
    const mishap = this.mishaps.shift() ?? 'none';
    await Promise.resolve(); // others come in between
    if (mishap === 'refused') throw new Error('away');
    const result = operation();
    if (mishap === 'answer lost') throw new Error('broken off');
    return result;
  }

  replaceMany(after: readonly StoredHealth[]): Promise<number> {
    return this.run(() => {
      const fitting = after.filter(({ agentId, version }) => this.records.get(agentId)?.version === version - 1);
      for (const record of fitting) this.records.set(record.agentId, record);
      return fitting.length;
    });
  }

  findMany(agentIds: readonly string[]): Promise<ReadonlyMap<string, StoredHealth>> {
    return this.run(() => new Map([...this.records].filter(([agentId]) => agentIds.includes(agentId))));
  }
}

/** One replica: what it told the others, and its writer, which writes only when it is asked to. */
function replica(id: string, records: Records) {
  const told: VpsHealthChangedNotice[] = [];
  const known = new Map<string, StoredHealth>();
  let work = async () => undefined as void;
  // only these parts are used
  const lifecycle = { every: (_name: string, _ms: number, run: () => Promise<void>) => ((work = run), { run: () => Promise.resolve() }) } as unknown as Lifecycle;
  const bus = { notify: (_pattern: string, notice: VpsHealthChangedNotice) => void told.push(notice) } as unknown as Bus; // as above
  const env = { VPS_CIRCUIT_FAILURES: 3, VPS_CIRCUIT_COOLDOWN_MS: 1000, VPS_CIRCUIT_COOLDOWN_MAX_MS: 1000, VPS_RETRY_AFTER_MAX_MS: 1000 } as VpsBridgeEnv;
  const clock = { now: () => 1000, monotonicMs: () => 0, random: () => 0, sleep: () => Promise.resolve() };
  const writer = new HealthWriter(env, { id } as Replica, records as unknown as HealthRepository, bus, clock, lifecycle, new Metrics({ defaults: false })); // as above
  writer.onReplaced((stored) => void known.set(stored.agentId, stored));
  const count = (agentId: string, outcome: Outcome): HealthState => {
    const stored = known.get(agentId) ?? records.of(agentId);
    return writer.count(stored, writer.seenHere(stored), outcome);
  };
  const write = () => work().then(() => true, () => false);
  return { writer, told, count, write };
}

const success: Outcome = { kind: 'success', startedAtMs: 10, route: 'normal', responseMs: 5 };
const failure: Outcome = { kind: 'failure', startedAtMs: 10, route: 'normal', failure: classifyFailure({ kind: 'status', status: 500 }), retryAfterMs: null };
const MISHAPS: readonly Mishap[] = ['none', 'refused', 'answer lost'];

it('counts at once here, and in the record with the next write', async () => {
  const records = new Records();
  const one = replica('one', records);
  const stored = records.add('a');
  expect(one.count('a', failure)).toMatchObject({ requests: 1, consecutiveFailures: 1 });
  expect(one.writer.seenHere(stored)).toMatchObject({ requests: 1 });
  expect(records.of('a').state.requests).toBe(0);
  await one.write();
  expect(records.of('a')).toMatchObject({ version: 2, state: { requests: 1, failures: 1 } });
  expect(one.writer.seenHere(records.of('a'))).toEqual(records.of('a').state); // not twice
});

it('loses and doubles nothing and tells of every change once, whoever else writes and whatever becomes of a write', async () => {
  const step = fc.record({ replica: fc.integer({ min: 0, max: 2 }), agent: fc.constantFrom('a', 'b'), does: fc.constantFrom('success', 'failure', 'failure', 'write', 'write') });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.array(fc.constantFrom(...MISHAPS), { maxLength: 30 }), async (steps, mishaps) => {
      const records = new Records();
      for (const agent of ['a', 'b']) records.add(agent);
      records.mishaps = [...mishaps];
      const replicas = ['r0', 'r1', 'r2'].map((id) => replica(id, records));
      const counted = { a: { requests: 0, failures: 0 }, b: { requests: 0, failures: 0 } };
      const writing: Promise<boolean>[] = [];
      const busy = new Map<number, Promise<boolean>>();
      for (const { replica: index, agent, does } of steps) {
        const one = replicas[index];
        if (one === undefined) continue;
        if (does === 'write') {
          const before = busy.get(index) ?? Promise.resolve(true); // one write of a replica at a time
          const next = before.then(() => one.write());
          busy.set(index, next);
          writing.push(next);
          await Promise.resolve();
          continue;
        }
        one.count(agent, does === 'success' ? success : failure);
        counted[agent].requests++;
        if (does === 'failure') counted[agent].failures++;
      }
      await Promise.all(writing);
      records.mishaps = [];
      for (const one of replicas) expect(await one.write()).toBe(true);
      for (const agent of ['a', 'b'] as const) {
        expect(records.of(agent).state).toMatchObject(counted[agent]);
        // told in any order, the changes form one way from the first status to the last
        const told = replicas.flatMap((one) => one.told).filter(({ agentName }) => agentName === agent);
        const steps = told.map(({ from, to }) => (from === to ? 0 : to === 'healthy' ? -1 : from === 'healthy' ? 1 : 0)).reduce<number>((sum, one) => sum + one, 0);
        expect(steps).toBe(records.of(agent).state.consecutiveFailures === 0 ? 0 : 1);
      }
    }),
    { numRuns: 300 },
  );
});

it('tells of a change whose write was never answered, once', async () => {
  const records = new Records();
  const one = replica('one', records);
  records.add('a');
  one.count('a', failure);
  records.mishaps = ['answer lost'];
  expect(await one.write()).toBe(false);
  expect(one.told).toEqual([]);
  one.count('a', failure);
  expect(await one.write()).toBe(true);
  await one.write();
  expect(one.told.map(({ from, to }) => `${from} ${to}`)).toEqual(['healthy unhealthy']);
  expect(records.of('a').state).toMatchObject({ requests: 2, consecutiveFailures: 2 });
});

it('does not bring back the record of an agent that was removed, and counts nothing that began before a reset', async () => {
  const records = new Records();
  const one = replica('one', records);
  records.add('gone');
  const before = records.add('reset');
  one.count('gone', failure);
  one.count('reset', failure);
  records.records.delete('gone');
  records.records.set('reset', { ...before, version: 2, state: newHealth(20) });
  await one.write();
  expect([...records.records.keys()]).toEqual(['reset']);
  expect(records.of('reset')).toMatchObject({ version: 2, state: { requests: 0 } });
  expect(one.writer.seenHere(records.of('reset'))).toBe(records.of('reset').state);
  records.add('gone');
  await one.write();
  expect(records.of('gone').state.requests).toBe(0);
});

it('keeps no more than so many outcomes of an agent, while storage is away', async () => {
  const records = new Records();
  const one = replica('one', records);
  const stored = records.add('a');
  for (let n = 0; n < 10_050; n++) one.writer.count(stored, stored.state, success);
  await one.write();
  expect(records.of('a').state.requests).toBe(10_000);
});

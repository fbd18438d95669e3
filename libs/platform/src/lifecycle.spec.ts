import { waitFor } from '@agentfleet/testing';
import { Lifecycle } from './lifecycle';
import { createLog } from './observe/log';
import { Metrics } from './observe/metrics';

const setUp = () => {
  const metrics = new Metrics({ defaults: false });
  const lines: string[] = [];
  const log = createLog({ app: 'probe', replicaId: 'probe-1', level: 'info', destination: { write: (line: string) => void lines.push(line) } });
  return { lifecycle: new Lifecycle(log, metrics), metrics, lines };
};

/** A run that lasts until it is told to end. */
function held() {
  const runs: (() => void)[] = [];
  return { runs, work: () => new Promise<void>((resolve) => void runs.push(resolve)) };
}

describe('work that a replica does again and again', () => {
  it('begins with readiness, and its runs never overlap', async () => {
    const { lifecycle } = setUp();
    const { runs, work } = held();
    lifecycle.every('probe', 1, work);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(runs).toHaveLength(0);
    await lifecycle.becomeReady();
    await waitFor('the first run', () => runs.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 20)); // many periods
    expect(runs).toHaveLength(1);
    runs[0]?.();
    await waitFor('the second run', () => runs.length === 2);
    runs[1]?.();
    await lifecycle.close();
  });

  it('that is asked for while it runs is done once more afterwards, however often it was asked for', async () => {
    const { lifecycle } = setUp();
    const { runs, work } = held();
    await lifecycle.becomeReady();
    const recurring = lifecycle.every('probe', 60_000, work);
    void recurring.run();
    const again = Promise.all([recurring.run(), recurring.run()]);
    expect(runs).toHaveLength(1);
    runs[0]?.();
    await waitFor('the run after it', () => runs.length === 2);
    runs[1]?.();
    await again;
    expect(runs).toHaveLength(2);
    await lifecycle.close();
  });

  it('is waited for at shutdown, and what has to go on meanwhile goes on', async () => {
    const { lifecycle } = setUp();
    const { runs, work } = held();
    let beats = 0;
    await lifecycle.becomeReady();
    const recurring = lifecycle.every('probe', 60_000, work);
    lifecycle.every('lease', 1, () => void beats++, { during: 'always' });
    void recurring.run();
    let isDrained = false;
    const drained = lifecycle.drain(5000).then(() => (isDrained = true));
    const before = beats;
    await waitFor('the lease while the replica drains', () => beats > before);
    expect(isDrained).toBe(false);
    runs[0]?.();
    await drained;
    await recurring.run();
    expect(runs).toHaveLength(1);
    await lifecycle.close();
    const atClose = beats;
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(beats).toBe(atClose);
  });

  it('that is never answered does not end for good', async () => {
    const { lifecycle, metrics } = setUp();
    const { runs, work } = held();
    await lifecycle.becomeReady();
    lifecycle.every('probe', 1, work, { hungAfterMs: 20 });
    await waitFor('another run', () => runs.length === 2);
    void lifecycle.close();
    expect(await metrics.registry.metrics()).toContain('recurring_work_runs_total{work="probe",result="failed"} 1');
  });

  it('that fails is logged, counted, and done again', async () => {
    const { lifecycle, metrics, lines } = setUp();
    await lifecycle.becomeReady();
    let count = 0;
    lifecycle.every('probe', 1, () => {
      count++;
      if (count < 3) throw new Error('no luck');
    });
    await waitFor('a run after the failures', () => count >= 3);
    await lifecycle.close();
    expect(lines.some((line) => line.includes('no luck') && line.includes('"work":"probe"'))).toBe(true);
    expect(await metrics.registry.metrics()).toContain('recurring_work_runs_total{work="probe",result="failed"} 2');
  });
});

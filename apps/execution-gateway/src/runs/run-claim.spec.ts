import { RunLease, type LeasePorts } from './run-claim';

function rig(answers: LeasePorts['renew']) {
  const seen = { renewals: 0, lost: 0, wishes: [] as string[] };
  const lease = new RunLease({
    renew: () => {
      seen.renewals += 1;
      return answers();
    },
    lost: () => void (seen.lost += 1),
    cancelWished: (cancel) => void seen.wishes.push(cancel.reason),
    clock: { monotonicMs: () => performance.now() },
  });
  return { seen, lease };
}

describe('RunLease', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('is renewed every 2 s and passes wishes on', async () => {
    const { seen, lease } = rig(async () => ({ held: true, cancel: { kind: 'cancelled', reason: 'enough', by: null } }));
    await jest.advanceTimersByTimeAsync(10_500);
    expect(seen.renewals).toBeGreaterThanOrEqual(4);
    expect(seen.renewals).toBeLessThanOrEqual(6);
    expect(seen.wishes[0]).toBe('enough');
    expect(lease.isHeld()).toBe(true);
    lease.stop();
    const { renewals } = seen;
    await jest.advanceTimersByTimeAsync(10_000);
    expect(seen.renewals).toBe(renewals);
  });

  it('is lost when somebody else has it', async () => {
    const { seen, lease } = rig(async () => ({ held: false, cancel: null }));
    await jest.advanceTimersByTimeAsync(2_500);
    expect([seen.lost, lease.isHeld()]).toEqual([1, false]);
  });

  it('gives up by its own clock after 5 s without an answer of the database, before the lease can be another\'s', async () => {
    const { seen, lease } = rig(() => new Promise(() => undefined));
    await jest.advanceTimersByTimeAsync(4_700);
    expect([seen.lost, lease.isHeld()]).toEqual([0, true]);
    await jest.advanceTimersByTimeAsync(600);
    expect([seen.lost, lease.isHeld()]).toEqual([1, false]);
  });

  it('lets no step begin with less than 2 s left', async () => {
    let isAway = true;
    const { lease } = rig(async () => {
      if (isAway) throw new Error('away');
      return { held: true, cancel: null };
    });
    await jest.advanceTimersByTimeAsync(3_000);
    expect(await lease.readyForStep()).toBe(true);
    await jest.advanceTimersByTimeAsync(1_200);
    expect(await lease.readyForStep()).toBe(false);
    isAway = false;
    expect(await lease.readyForStep()).toBe(true);
    lease.stop();
  });
});

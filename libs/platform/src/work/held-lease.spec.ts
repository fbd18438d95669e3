import { HeldLease, type HeldLeasePorts } from './held-lease';

const RULES = { leaseMs: 6000, renewEveryMs: 2000, giveUpAfterMs: 5000, minLeftMs: 2000 };

function rig(answers: HeldLeasePorts['renew']) {
  const seen = { renewals: 0, lost: 0 };
  const lease = new HeldLease(RULES, {
    renew: () => {
      seen.renewals += 1;
      return answers();
    },
    lost: () => void (seen.lost += 1),
    clock: { monotonicMs: () => performance.now() },
  });
  return { seen, lease };
}

describe('HeldLease', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('is renewed in time, until it is stopped', async () => {
    const { seen, lease } = rig(async () => true);
    await jest.advanceTimersByTimeAsync(10_500);
    expect(seen.renewals).toBeGreaterThanOrEqual(4);
    expect(seen.renewals).toBeLessThanOrEqual(6);
    expect(lease.isHeld()).toBe(true);
    lease.stop();
    const { renewals } = seen;
    await jest.advanceTimersByTimeAsync(10_000);
    expect(seen.renewals).toBe(renewals);
  });

  it('counts from when it was asked for', async () => {
    const askedAtMs = performance.now() - 4_900;
    const lease = new HeldLease(RULES, { renew: () => new Promise(() => undefined), lost: () => undefined, clock: { monotonicMs: () => performance.now() }, askedAtMs });
    expect(lease.isHeld()).toBe(true);
    await jest.advanceTimersByTimeAsync(200);
    expect(lease.isHeld()).toBe(false);
    lease.stop();
  });

  it('is lost when somebody else has it', async () => {
    const { seen, lease } = rig(async () => false);
    await jest.advanceTimersByTimeAsync(2_500);
    expect([seen.lost, lease.isHeld()]).toEqual([1, false]);
  });

  it('gives up by its own clock when the database does not answer, before the lease can be another\'s', async () => {
    const { seen, lease } = rig(() => new Promise(() => undefined));
    await jest.advanceTimersByTimeAsync(4_700);
    expect([seen.lost, lease.isHeld()]).toEqual([0, true]);
    await jest.advanceTimersByTimeAsync(600);
    expect([seen.lost, lease.isHeld()]).toEqual([1, false]);
  });

  it('keeps nobody waiting for a renewal that is never answered', async () => {
    const { lease } = rig(() => new Promise(() => undefined));
    await jest.advanceTimersByTimeAsync(4_500);
    const ready = lease.readyForStep();
    await jest.advanceTimersByTimeAsync(6_000);
    expect(await ready).toBe(false);
  });

  it('lets nothing new begin with too little of it left', async () => {
    let isAway = true;
    const { lease } = rig(async () => {
      if (isAway) throw new Error('away');
      return true;
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

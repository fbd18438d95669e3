import fc from 'fast-check';
import { Deadline } from './deadline';
import { FakeClock } from './fake-clock.spec-helper';
import { walkFallbacks, type TryOutcome, type WalkResult } from './walk';
import type { Route } from './circuit';

/** `absent` is not registered; `open` fails or answers only when it is forced. */
type Behaviour = 'answers' | 'fails' | 'fails_for_good' | 'absent' | 'open_answers' | 'open_fails' | 'trial_answers' | 'trial_fails';

function walk(chain: Behaviour[], attemptMs = 0, deadlineMs = 1000) {
  const clock = new FakeClock();
  const tried: [string, Route][] = [];
  const members = chain.map((behaviour, index) => ({ name: `a${index}`, agent: behaviour === 'absent' ? null : { behaviour, name: `a${index}` } }));
  const result = walkFallbacks<{ behaviour: Behaviour; name: string }, string, string>(members, {
    deadline: Deadline.after(deadlineMs, clock),
    admit: ({ behaviour }) =>
      Promise.resolve(behaviour.startsWith('open') ? 'skip' : behaviour.startsWith('trial') ? 'trial' : 'normal'),
    tryAgent: ({ behaviour, name }, route): Promise<TryOutcome<string, string>> => {
      tried.push([name, route]);
      clock.timeMs += attemptMs;
      if (behaviour.endsWith('answers')) return Promise.resolve({ kind: 'answered', answer: `from ${name}` });
      return Promise.resolve({ kind: 'failed', failure: `${name} failed`, mayFallBack: behaviour !== 'fails_for_good' });
    },
  });
  return result.then((value) => ({ value, tried }));
}

const shown = (result: WalkResult<string, string>) =>
  result.steps.map((step) => `${step.name} ${step.kind === 'skipped' ? step.reason : `${step.route} ${step.outcome.kind}`}`);

describe('walkFallbacks', () => {
  it.each<[string, Behaviour[], string[], number]>([
    ['the first one answers', ['answers', 'answers'], ['a0 normal answered'], 0],
    ['falls back in chain order', ['fails', 'fails', 'answers'], ['a0 normal failed', 'a1 normal failed', 'a2 normal answered'], 2],
    ['unregistered names do not count', ['fails', 'absent', 'answers'], ['a0 normal failed', 'a1 not_registered', 'a2 normal answered'], 1],
    ['an open circuit costs nothing while another works', ['open_fails', 'answers'], ['a0 circuit_open', 'a1 normal answered'], 1],
    ['a lone agent is always tried', ['open_answers'], ['a0 forced answered'], 0],
    ['all circuits open: each is forced, in order', ['open_fails', 'open_answers'], ['a0 forced failed', 'a1 forced answered'], 1],
    ['pass 2 comes after the others failed', ['open_answers', 'fails'], ['a1 normal failed', 'a0 forced answered'], 1],
    ['a trial is made at its place', ['trial_fails', 'answers'], ['a0 trial failed', 'a1 normal answered'], 1],
    ['a failure for good ends the walk, pass 2 too', ['open_answers', 'fails_for_good', 'answers'], ['a0 circuit_open', 'a1 normal failed'], 1],
    ['all fail', ['fails', 'fails'], ['a0 normal failed', 'a1 normal failed'], 1],
    ['nobody is registered', ['absent'], ['a0 not_registered'], 0],
    ['an empty chain', [], [], 0],
  ])('%s', async (_name, chain, steps, failovers) => {
    const { value } = await walk(chain);
    expect(shown(value)).toEqual(steps);
    expect(value.failovers).toBe(failovers);
  });

  it('skips what is left when the deadline is reached', async () => {
    const { value, tried } = await walk(['open_answers', 'fails', 'answers', 'absent'], 1000);
    expect(shown(value)).toEqual(['a1 normal failed', 'a2 deadline', 'a3 not_registered', 'a0 deadline']);
    expect(tried).toEqual([['a1', 'normal']]);
    expect(value.last?.name).toBe('a1');
  });

  it('names nobody when there was no time for anybody', async () => {
    const { value } = await walk(['answers'], 0, 0);
    expect(value).toEqual({ steps: [{ kind: 'skipped', name: 'a0', reason: 'deadline' }], last: null, failovers: 0 });
  });

  it('holds for any chain: nobody is tried twice, an answer ends it, and no registered agent is left out of a failure', async () => {
    const behaviour = fc.constantFrom<Behaviour[]>('answers', 'fails', 'absent', 'open_answers', 'open_fails', 'trial_answers', 'trial_fails');
    await fc.assert(
      fc.asyncProperty(fc.array(behaviour, { maxLength: 17 }), async (chain) => {
        const { value, tried } = await walk(chain);
        const names = tried.map(([name]) => name);
        expect(new Set(names).size).toBe(names.length);
        expect(new Set(value.steps.map((step) => step.name)).size).toBe(value.steps.length);
        const answered = value.last?.outcome.kind === 'answered';
        expect(answered).toBe(chain.some((one) => one.endsWith('answers')));
        if (!answered) expect(names).toHaveLength(chain.filter((one) => one !== 'absent').length);
      }),
    );
  });
});

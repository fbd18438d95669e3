import { unreachable } from '@agentfleet/errors';
import type { Deadline } from './deadline';
import type { Route } from './circuit';

/** One name of a chain; `agent` is null when nobody is registered under it. */
export interface ChainMember<A> {
  readonly name: string;
  readonly agent: A | null;
}

/** What trying one agent (with its retries) brought. */
export type TryOutcome<T, F> =
  | { readonly kind: 'answered'; readonly answer: T }
  | { readonly kind: 'failed'; readonly failure: F; readonly mayFallBack: boolean };

/** The walk's way to the world. */
export interface WalkPorts<A, T, F> {
  /** Looks at the circuit and claims its trial when one is due: how this call may try the agent, or that it may not. */
  admit(agent: A): Promise<'normal' | 'trial' | 'skip'>;
  tryAgent(agent: A, route: Route): Promise<TryOutcome<T, F>>;
  readonly deadline: Deadline;
}

export type SkipReason = 'not_registered' | 'circuit_open' | 'deadline';

/** What became of one name, in the order of trying. */
export type WalkStep<T, F> =
  | { readonly kind: 'tried'; readonly name: string; readonly route: Route; readonly outcome: TryOutcome<T, F> }
  | { readonly kind: 'skipped'; readonly name: string; readonly reason: SkipReason };

export type TriedStep<T, F> = Extract<WalkStep<T, F>, { kind: 'tried' }>;

export interface WalkResult<T, F> {
  readonly steps: readonly WalkStep<T, F>[];
  /** The one that ended the walk: the answer, or the last failure; null when nobody was tried. */
  readonly last: TriedStep<T, F> | null;
  /** Other registered agents that failed or were skipped for their circuit before the last one tried. */
  readonly failovers: number;
}

/**
 * Goes along the chain. Pass 1 in chain order, past names that are not registered and agents with an open circuit;
 * pass 2, only when pass 1 brought no answer, tries those agents nevertheless, so that a chain is never dead while one
 * of its agents is back. Ends at the first answer, at a failure that forbids falling back, or at the deadline.
 */
export async function walkFallbacks<A, T, F>(chain: readonly ChainMember<A>[], ports: WalkPorts<A, T, F>): Promise<WalkResult<T, F>> {
  const walk = new Walk(ports);
  const skipped: ChainMember<A>[] = [];
  for (const member of chain) {
    if (walk.ended) break;
    const passed = await walk.visit(member);
    if (passed === 'circuit_open') skipped.push(member);
  }
  for (const member of skipped) {
    if (walk.ended) break;
    await walk.force(member);
  }
  return walk.result();
}

class Walk<A, T, F> {
  ended = false;
  private steps: WalkStep<T, F>[] = [];
  private last: TriedStep<T, F> | null = null;

  constructor(private readonly ports: WalkPorts<A, T, F>) {}

  async visit({ name, agent }: ChainMember<A>): Promise<SkipReason | 'tried'> {
    if (agent === null) return this.skip(name, 'not_registered');
    if (this.ports.deadline.isOver) return this.skip(name, 'deadline');
    const route = await this.ports.admit(agent);
    return route === 'skip' ? this.skip(name, 'circuit_open') : this.try(name, agent, route);
  }

  async force({ name, agent }: ChainMember<A>): Promise<void> {
    if (agent === null) return;
    this.steps = this.steps.filter((step) => step.name !== name);
    if (this.ports.deadline.isOver) this.skip(name, 'deadline');
    else await this.try(name, agent, 'forced');
  }

  result(): WalkResult<T, F> {
    return { steps: this.steps, last: this.last, failovers: countFailovers(this.steps, this.last) };
  }

  private skip(name: string, reason: SkipReason): SkipReason {
    this.steps.push({ kind: 'skipped', name, reason });
    return reason;
  }

  private async try(name: string, agent: A, route: Route): Promise<'tried'> {
    const outcome = await this.ports.tryAgent(agent, route);
    this.last = { kind: 'tried', name, route, outcome };
    this.steps.push(this.last);
    switch (outcome.kind) {
      case 'answered':
        this.ended = true;
        break;
      case 'failed':
        this.ended = !outcome.mayFallBack;
        break;
      default:
        unreachable(outcome);
    }
    return 'tried';
  }
}

function countFailovers<T, F>(steps: readonly WalkStep<T, F>[], last: TriedStep<T, F> | null): number {
  if (last === null) return 0;
  const before = steps.slice(0, steps.indexOf(last));
  return before.filter((step) => step.kind === 'tried' || step.reason === 'circuit_open').length;
}

import { addTokens, NO_TOKENS } from './usage';

const used = (cost: number | null, tokens = 10) => ({ ...NO_TOKENS, total_tokens: tokens, cost_usd: cost });

it.each([
  [used(0.1), used(0.2), 0.3],
  [used(0.1), used(null), null],
  [used(null), used(0.2), null],
  [NO_TOKENS, used(0.2), 0.2],
  [used(0.2), NO_TOKENS, 0.2],
  [NO_TOKENS, NO_TOKENS, null],
])('a cost that is half known is not known: %j and %j', (a, b, expected) => {
  const { cost_usd: cost } = addTokens(a, b);
  if (expected === null) expect(cost).toBeNull();
  else expect(cost).toBeCloseTo(expected);
});

import type { RunUsage, TokenUsage } from '@agentfleet/contracts';

export const NO_TOKENS: TokenUsage = {
  input_tokens: 0,
  output_tokens: 0,
  cached_input_tokens: 0,
  reasoning_tokens: 0,
  total_tokens: 0,
  cost_usd: null,
  estimated: false,
};

export const NO_USAGE: RunUsage = { ...NO_TOKENS, model_calls: 0, tool_calls: 0 };

/** Sum of two usages. Its cost is known only when that of every part is; who used nothing cost nothing. */
export function addTokens(a: TokenUsage, b: TokenUsage): TokenUsage {
  return {
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    cached_input_tokens: a.cached_input_tokens + b.cached_input_tokens,
    reasoning_tokens: a.reasoning_tokens + b.reasoning_tokens,
    total_tokens: a.total_tokens + b.total_tokens,
    cost_usd: a.total_tokens === 0 ? b.cost_usd : b.total_tokens === 0 ? a.cost_usd : a.cost_usd === null || b.cost_usd === null ? null : a.cost_usd + b.cost_usd,
    estimated: a.estimated || b.estimated,
  };
}

/** The usage of a run or session after what one step used. */
export function addUsage(total: RunUsage, tokens: TokenUsage, counts: { modelCalls?: number; toolCalls?: number }): RunUsage {
  return {
    ...addTokens(total, tokens),
    model_calls: total.model_calls + (counts.modelCalls ?? 0),
    tool_calls: total.tool_calls + (counts.toolCalls ?? 0),
  };
}

/** What providers name; undefined where they name nothing. */
export interface ReportedUsage {
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
  readonly cachedInputTokens: number | undefined;
  readonly reasoningTokens: number | undefined;
}

/** The usage of one model call; without figures of the provider characters / 4 are the estimate. */
export function usageOf(reported: ReportedUsage, sizes: { readonly inputCharacters: number; readonly outputCharacters: number }): TokenUsage {
  // The SDK says 0 for a count that is missing: no request and no answer with text has none.
  const known = { input: reported.inputTokens || undefined, output: sizes.outputCharacters > 2 ? reported.outputTokens || undefined : reported.outputTokens };
  const estimated = known.input === undefined || known.output === undefined;
  const input = known.input ?? Math.ceil(sizes.inputCharacters / 4);
  const output = known.output ?? Math.ceil(sizes.outputCharacters / 4);
  return {
    input_tokens: input,
    output_tokens: output,
    cached_input_tokens: reported.cachedInputTokens ?? 0,
    reasoning_tokens: reported.reasoningTokens ?? 0,
    total_tokens: input + output,
    cost_usd: null,
    estimated,
  };
}

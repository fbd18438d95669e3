/** Tokens of one or several model calls, as on the wire. `cost_usd` is null when no price of the model is known. */
export interface TokenUsage {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cached_input_tokens: number;
  readonly reasoning_tokens: number;
  readonly total_tokens: number;
  readonly cost_usd: number | null;
  /** True when a provider named no usage and characters / 4 stand in for it. */
  readonly estimated: boolean;
}

/** What a run (or all runs of a session) used. */
export interface RunUsage extends TokenUsage {
  readonly model_calls: number;
  readonly tool_calls: number;
}

/** Limits of a session or a run; `max_seconds` counts active time. */
export interface RunLimits {
  readonly max_iterations?: number;
  readonly max_tokens?: number;
  readonly max_seconds?: number;
  readonly max_cost_usd?: number;
}

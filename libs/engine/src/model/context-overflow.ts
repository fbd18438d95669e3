/** A provider's refusal because the request is larger than what the model takes. */
export interface ContextOverflow {
  /** What the model takes, in the provider's tokens; null when it did not say. */
  readonly limitTokens: number | null;
  /** What the request came to; null when it did not say. */
  readonly requestedTokens: number | null;
}

/** The words that providers have for it: OpenAI and Azure, Anthropic, Mistral, vLLM, SGLang, llama.cpp, Gemini, Bedrock, TGI, xAI, Groq, Cohere, GLM, Moonshot, DashScope. */
const WORDS = [
  /context_length_exceeded|exceed_context_size|request_too_large|string_above_max_length/,
  /(maximum|max|model'?s?) (context|model|prompt|sequence) length/,
  /(exceed|longer than|larger than|too (long|large) for|greater than|beyond|overflows?)[^.]{0,60}(context (length|size|window|limit)|max(imum)? (context|model|prompt|sequence) length|maximum number of tokens|max_model_len|model token limit|token limit)/,
  /context (length|size|window|limit)[^.]{0,40}(exceed|overflow|too (long|large|small))/,
  /(prompt|input|request|messages?|conversation)( tokens| text| length)? (is|are|was|were) too (long|large)/,
  /(prompt|input) exceeds max(imum)? (length|tokens)/,
  /input token count[^.]{0,40}exceeds/,
  /reduce the length of (the|your) (messages|prompt|input)/,
  /range of input length should be/,
  /`?inputs`? (tokens \+ `?max_new_tokens`? must be|must have less than)/,
  /too many (input )?tokens/,
  /available context size|context length of only/,
];

const NUMBER = '([\\d][\\d,_]*)';
const LIMITS = [
  `> ?${NUMBER}(?: maximum)?`,
  `(?:context|model|prompt|sequence) length(?: is| of| only|:|=|\\s|\\()*${NUMBER}`,
  `(?:available |loaded with )?context (?:size|window|limit|length)(?: of| is| only|:|=|\\s|\\()*${NUMBER}`,
  `maximum number of tokens(?: allowed)?[\\s(]*${NUMBER}`,
  `model token limit:? ?${NUMBER}`,
  `less than ${NUMBER} tokens`,
  `must be <=? ?${NUMBER}`,
  `input length should be \\[\\d+, ?${NUMBER}`,
  `with ${NUMBER} maximum context`,
  `(?:limit|n_ctx)"?:? ?${NUMBER}`,
  `cannot exceed ${NUMBER}`,
];
const REQUESTED = [
  `(?:requested|resulted in|contains|given:|token count)(?: about| a total of| [a-z]+)?[\\s(]*${NUMBER}`,
  `(?:prompt|input)[^.\\d]{0,40}${NUMBER} ?(?:tokens?)?\\)? (?:>|is longer|exceeds)`,
  `too long:? ${NUMBER}`,
  `n_prompt_tokens"?:? ?${NUMBER}`,
  `length ${NUMBER}\\)? is longer`,
];

/** Statuses that say something else whatever their words: credentials, money, a wrong address, a rate limit, an outage. */
const OTHER_STATUSES = new Set([401, 402, 403, 404, 408, 429, 502, 503, 504, 529]);
/** Rate limits count tokens too; what goes over one fits later. Only a 413 says that it never will. */
const RATE = /rate.?limit|per[ _](second|minute|min|hour|day)\b|\b[ti]pm\b|throttl|please wait/;
const NAMED = /context_length_exceeded|exceed_context_size/;

/** Reads a refusal; null when it is of another kind. `status` is null when neither the answer nor the error within it has one. */
export function contextOverflow(status: number | null, text: string): ContextOverflow | null {
  const words = text.toLowerCase();
  if (status !== null && OTHER_STATUSES.has(status)) return null;
  const isTold = WORDS.some((pattern) => pattern.test(words)) && (NAMED.test(words) || !RATE.test(words));
  if (!isTold && status !== 413) return null;
  const limitTokens = firstNumber(words, LIMITS);
  const requested = firstNumber(words, REQUESTED);
  return { limitTokens, requestedTokens: limitTokens !== null && requested !== null && requested > limitTokens ? requested : null };
}

/**
 * The size, by our own estimate, that a request may have after a refusal: by the provider's figures where it gave them,
 * else clearly smaller than what was refused.
 */
export function smallerSize(refusedEstimate: number, { limitTokens, requestedTokens }: ContextOverflow): number {
  if (limitTokens !== null && requestedTokens !== null) return Math.floor(refusedEstimate * (limitTokens / requestedTokens) * 0.9);
  if (limitTokens !== null && limitTokens < refusedEstimate) return Math.floor(limitTokens * 0.8);
  return Math.floor(refusedEstimate * 0.5);
}

function firstNumber(words: string, patterns: readonly string[]): number | null {
  for (const pattern of patterns) {
    const digits = new RegExp(pattern).exec(words)?.[1];
    const value = digits === undefined ? NaN : Number(digits.replace(/[,_]/g, ''));
    if (Number.isSafeInteger(value) && value >= 100) return value;
  }
  return null;
}

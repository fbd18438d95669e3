import { contextOverflow, smallerSize } from './context-overflow';

/** Refusals as the services word them. */
const REFUSALS: readonly [string, number | null, string, number | null, number | null][] = [
  ['OpenAI', 400, '{"error":{"message":"This model\'s maximum context length is 8192 tokens. However, your messages resulted in 10000 tokens. Please reduce the length of the messages.","code":"context_length_exceeded"}}', 8192, 10000],
  ['OpenAI, newer', 400, '{"error":{"message":"Your input exceeds the context window of this model. Please adjust your input and try again.","code":"context_length_exceeded"}}', null, null],
  ['Azure', 400, 'maximum context length is 4097 tokens, however you requested 5000 tokens (4000 in your prompt; 1000 for the completion)', 4097, 5000],
  ['Anthropic', 400, 'prompt is too long: 210000 tokens > 200000 maximum', 200000, 210000],
  ['Anthropic with its answer', 400, 'input length and `max_tokens` exceed context limit: 198000 + 8192 > 200000, decrease input length', 200000, null],
  ['Mistral', 400, 'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length', 32768, 40000],
  ['vLLM', 400, "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens in the messages, Please reduce the length of the messages.", 4096, 5000],
  ['vLLM, newer', 400, 'The decoder prompt (length 5000) is longer than the maximum model length of 4096.', 4096, 5000],
  ['SGLang', 400, "The input (5000 tokens) is longer than the model's context length (4096 tokens).", 4096, 5000],
  ['llama.cpp', 400, '{"error":{"code":400,"message":"the request exceeds the available context size (4096 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":5000,"n_ctx":4096}}', 4096, 5000],
  ['llama.cpp with 500', 500, 'the request exceeds the available context size. try increasing the context size or enable context shift', null, null],
  ['Gemini', 400, '[{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}]', 1048576, 1200000],
  ['Bedrock', 400, 'Input is too long for requested model.', null, null],
  ['TGI', 422, 'Input validation error: `inputs` must have less than 4095 tokens. Given: 5000', 4095, 5000],
  ['xAI', 400, "This model's maximum prompt length is 131072 but the request contains 537812 tokens.", 131072, 537812],
  ['TGI with its answer', 422, 'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens and 1000 `max_new_tokens`', 4096, null],
  ['OpenRouter', 400, "This endpoint's maximum context length is 32768 tokens. However, you requested about 40000 tokens", 32768, 40000],
  ['Cohere', 400, 'too many tokens: total number of tokens in the prompt cannot exceed 4081', 4081, null],
  ['GLM', 400, 'Prompt exceeds max length', null, null],
  ['Moonshot', 400, 'Invalid request: Your request exceeded model token limit: 8192', 8192, null],
  ['DashScope', 400, 'Range of input length should be [1, 30720]', 30720, null],
  ['LM Studio', 400, 'Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens', 4096, null],
  ['a body that is too large for a proxy', 413, '<h1>Request Entity Too Large</h1>', null, null],
  ['Groq, whose rate limit is smaller than the request', 413, 'Request too large for model on tokens per minute (TPM): Limit 6000, Requested 9000', 6000, 9000],
  ['within a stream', null, '{"message":"context_length_exceeded","code":"context_length_exceeded"}', null, null],
];

it.each(REFUSALS)('reads the refusal of %s', (_who, status, words, limitTokens, requestedTokens) => {
  expect(contextOverflow(status, words)).toEqual({ limitTokens, requestedTokens });
});

it.each<[number | null, string]>([
  [401, 'prompt is too long'],
  [429, 'Request too large for model on tokens per minute (TPM): Limit 6000, Requested 9000'],
  [null, "This request would exceed your organization's rate limit of 50,000 input tokens per minute"],
  [null, 'You exceeded the token limit per minute'],
  [null, 'Too many tokens, please wait before trying again.'],
  [400, 'ThrottlingException: too many tokens'],
  [503, 'Failed to count input tokens, upstream unavailable'],
  [500, 'Failed to count input tokens'],
  [null, 'The service is not available; input tokens were not counted'],
  [402, 'You requested up to 8192 tokens beyond the token limit of your credits'],
  [529, 'prompt is too long for the queue'],
  [400, 'Invalid value for max_tokens'],
  [400, 'tool_call_id is too long'],
  [400, "messages with role 'tool' must be a response to a preceding message"],
  [500, 'Internal server error'],
  [null, 'The server had an error'],
])('takes %s %j for another refusal', (status, words) => {
  expect(contextOverflow(status, words)).toBeNull();
});

it('asks for clearly less than what was refused', () => {
  expect(smallerSize(1000, { limitTokens: 500, requestedTokens: 2000 })).toBe(225);
  expect(smallerSize(1000, { limitTokens: 500, requestedTokens: null })).toBe(400);
  expect(smallerSize(1000, { limitTokens: 5000, requestedTokens: null })).toBe(500);
  expect(smallerSize(1000, { limitTokens: null, requestedTokens: null })).toBe(500);
});

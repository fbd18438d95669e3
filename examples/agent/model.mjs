// What the agent says: an OpenAI-compatible model when MODEL_BASE_URL and MODEL_NAME name one, else a scripted sentence.
const MODEL_TIMEOUT_MS = 120_000;

/** The answer's text; throws when the model fails. */
export async function answerWith({ instruction, messages, environment }) {
  const { MODEL_BASE_URL: base, MODEL_NAME: model, MODEL_API_KEY: key } = environment;
  if (!base || !model) return scripted(messages);
  const system = instruction === '' ? [] : [{ role: 'system', content: instruction }];
  const response = await fetch(`${base.replace(/\/+$/, '')}/chat/completions`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...(key ? { Authorization: `Bearer ${key}` } : {}) },
    body: JSON.stringify({ model, messages: [...system, ...messages] }),
    signal: AbortSignal.timeout(MODEL_TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(`it answered ${response.status}`);
  const text = (await response.json()).choices?.[0]?.message?.content;
  if (typeof text !== 'string') throw new Error('its answer has no text');
  return text;
}

function scripted(messages) {
  const last = messages.at(-1)?.content;
  return `You said: ${typeof last === 'string' ? last : JSON.stringify(last)}`;
}

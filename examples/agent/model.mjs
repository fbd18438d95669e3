// What the agent says: an OpenAI-compatible model when MODEL_BASE_URL and MODEL_NAME name one, else a scripted sentence.
const DEFAULT_TIMEOUT_MS = 120_000;

/** Yields the answer's text in pieces; throws when the model fails, an error named `TimeoutError` when it is too slow. */
export async function* answerWith({ instruction, messages, stream, signal, environment }) {
  const { MODEL_BASE_URL: base, MODEL_NAME: model, MODEL_API_KEY: key, MODEL_TIMEOUT_MS: timeout } = environment;
  if (!base || !model) return yield scripted(messages);
  const system = instruction === '' ? [] : [{ role: 'system', content: instruction }];
  const response = await fetch(`${base.replace(/\/+$/, '')}/chat/completions`, {
    method: 'POST',
    redirect: 'error',
    headers: { 'Content-Type': 'application/json', ...(key ? { Authorization: `Bearer ${key}` } : {}) },
    body: JSON.stringify({ model, messages: [...system, ...messages], ...(stream ? { stream: true } : {}) }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(Number(timeout || DEFAULT_TIMEOUT_MS))]),
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`it answered ${response.status}`);
  }
  const isStream = (response.headers.get('content-type') ?? '').startsWith('text/event-stream');
  if (isStream) yield* deltasOf(response.body);
  else yield textOf(await response.json());
}

function textOf(answer) {
  const text = answer?.choices?.[0]?.message?.content;
  if (typeof text !== 'string') throw new Error('its answer has no text');
  return text;
}

/** The texts of a streamed answer; one without its end mark was cut off. */
async function* deltasOf(body) {
  let rest = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines.filter((one) => one.startsWith('data:'))) {
      const data = line.slice(5).trim();
      if (data === '[DONE]') return;
      const text = JSON.parse(data).choices?.[0]?.delta?.content;
      if (typeof text === 'string' && text !== '') yield text;
    }
  }
  throw new Error('its answer was cut off');
}

function scripted(messages) {
  const last = messages.at(-1)?.content;
  return `You said: ${typeof last === 'string' ? last : JSON.stringify(last)}`;
}

// A model in OpenAI's chat-completions format whose words follow from the request alone, in a process of its own, so that its
// work is not counted as the gateway's. `short`: one call of ListDir, then an answer; `texts N`: N pieces of text in one burst.
import { createServer } from 'node:http';

const chunk = (delta, finish = null) => `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 0, model: 'bench', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const usage = `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 0, model: 'bench', choices: [], usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 } })}\n\n`;
let calls = 0;

function answer(messages) {
  const last = messages.findLast(({ role }) => role === 'user');
  const asked = typeof last?.content === 'string' ? last.content : (last?.content ?? []).map(({ text }) => text).join('');
  const texts = /^texts (\d+)/.exec(asked);
  const head = chunk({ role: 'assistant', content: '' });
  const end = `${usage}data: [DONE]\n\n`;
  if (texts) return [head, ...Array.from({ length: Number(texts[1]) }, (_, n) => chunk({ content: `piece ${n} ` })), chunk({}, 'stop'), end];
  if (messages.at(-1)?.role === 'user') {
    const call = { index: 0, id: `call${calls++}`, type: 'function', function: { name: 'ListDir', arguments: '{}' } };
    return [head, chunk({ content: 'I will list the files.' }), chunk({ tool_calls: [call] }), chunk({}, 'tool_calls'), end];
  }
  return [head, ...['Here ', 'are ', 'the files.'].map((content) => chunk({ content })), chunk({}, 'stop'), end];
}

const server = createServer((request, response) => {
  let text = '';
  request.setEncoding('utf8').on('data', (part) => (text += part));
  request.on('end', () => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(answer(JSON.parse(text).messages).join(''));
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { call, check, checkEqual, until } from './steps.mjs';

/** Slow enough that the client can be cut while the answer is streaming. */
const PROMPT = 'Please list the files here. [[steps=1 delay_ms=150 chunk_ms=120 say=Finished]]';

function openSocket(stack, sessionId, apiKey) {
  const url = `${stack.urls.execution_gateway.replace('http', 'ws')}/sessions/${sessionId}/execute`;
  const socket = new WebSocket(url, { headers: { 'X-API-Key': apiKey } });
  const frames = [];
  socket.on('message', (data) => frames.push(data.toString()));
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve({ socket, frames, events: () => frames.map((text) => JSON.parse(text)) }));
    socket.once('error', reject);
  });
}

/** A session lists a directory through a tool; its client is cut in the middle and comes back without losing an event. */
export async function gatewayWalk(demo, stack) {
  const base = stack.urls.execution_gateway;
  const apiKey = stack.api_keys.gateway;
  const headers = { 'X-API-Key': apiKey };
  demo.chapter(`Execution gateway, ${base}: durable agent sessions`);

  let session;
  await demo.step('create a session and put a file into its workspace', async () => {
    session = await call(`${base}/sessions`, { method: 'POST', headers, body: { user_id: 'demo-user' } });
    demo.onEnd(`delete session ${session.session_id}`, () => call(`${base}/sessions/${session.session_id}`, { method: 'DELETE', headers }));
    writeFileSync(join(session.workspace_dir, 'hello.txt'), 'hello\n');
    return `${session.session_id}, engine ${session.engine}, model ${session.model}`;
  });
  const isScripted = session.model.startsWith('scripted');

  const first = await openSocket(stack, session.session_id, apiKey);
  await demo.step('execute over the socket and cut the client in the middle of the run', async () => {
    first.socket.send(JSON.stringify({ action: 'execute', user_input: isScripted ? PROMPT : 'List the files in the current directory.' }));
    await until('the first events', () => first.events().filter((event) => event.seq !== undefined).length >= 2, 60_000);
    first.socket.terminate();
    const seen = first.events();
    check(!seen.some((event) => event.type === 'query_complete'), 'a run that is still going on', 'its end');
    return `saw ${seen.map((event) => `${event.seq} ${event.type}`).join(', ')}`;
  });

  const second = await openSocket(stack, session.session_id, apiKey);
  await demo.step('connect again and resume after the last event seen', async () => {
    const lastSeq = first.events().at(-1).seq;
    second.socket.send(JSON.stringify({ action: 'resume', after_seq: lastSeq }));
    await until('the end of the run', () => second.events().some((event) => event.type === 'query_complete'), 120_000);
    second.socket.close();
    const seqs = [...first.events(), ...second.events()].map((event) => event.seq);
    checkEqual(seqs, seqs.map((_, index) => index + 1), 'the numbers of all events seen');
    return `${second.frames.length} more events, ${seqs.length} in all, none missing, none twice`;
  });

  await demo.step('the tool listed the directory and the answer was streamed', async () => {
    const events = [...first.events(), ...second.events()];
    const result = events.find((event) => event.type === 'tool_result');
    check(result && !result.data.is_error && result.data.result.includes('hello.txt'), 'a listing with hello.txt', result?.data ?? 'no tool result');
    const end = events.at(-1);
    checkEqual([end.type, end.data.completed, end.data.reason], ['query_complete', true, 'stop'], 'the end');
    const text = events.filter((event) => event.type === 'text').map((event) => event.data.text).join('');
    return `${result.data.name} → ${JSON.stringify(result.data.result)}; answer: ${JSON.stringify(text.slice(-80))}`;
  });

  await demo.step('the stored log equals, byte for byte, what the sockets got', async () => {
    const response = await fetch(`${base}/sessions/${session.session_id}/events?after_seq=0&limit=1000`, { headers });
    const stored = await response.text();
    const live = [...first.frames, ...second.frames];
    check(stored.includes(`"events":[${live.join(',')}]`), 'the same bytes', `${stored.slice(0, 300)}…`);
    return `${live.length} events`;
  });
}

import { createServer } from 'node:http';
import { call, check, checkEqual } from './steps.mjs';

/** A small VPS agent: a real HTTP server that answers POST /v1/messages. */
function startAgent(answer) {
  const seen = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => (text += chunk));
    request.on('end', () => {
      const body = JSON.parse(text || '{}');
      seen.push({ path: request.url, authorization: request.headers.authorization, body });
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ content: answer(body) }));
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve({ port: server.address().port, seen, stop: () => new Promise((done) => server.close(done)) }));
  });
}

/** A call falls over from a dead primary to its fallback, and the health of both shows it. */
export async function bridgeWalk(demo, stack) {
  const base = `${stack.urls.vps_bridge}/api/vps`;
  const headers = { 'X-API-Key': stack.api_keys.bridge };
  const suffix = Date.now().toString(36);
  const primary = `demo-primary-${suffix}`;
  const backup = `demo-backup-${suffix}`;
  const session = `demo-session-${suffix}`;
  demo.chapter(`VPS bridge, ${stack.urls.vps_bridge}: calls that fall back`);

  const agent = await startAgent((body) => `You said: ${body.messages.at(-1).content}`);
  demo.onEnd('stop the VPS agent', () => agent.stop());
  const gone = await startAgent(() => '');
  await gone.stop(); // its port now refuses connections

  await demo.step('register a primary that is dead and a fallback that works', async () => {
    const register = (body) => call(`${base}/register`, { method: 'POST', headers, body, expect: 201 });
    await register({ name: backup, host: '127.0.0.1', port: agent.port, auth_token: 'demo-token' });
    const made = await register({ name: primary, host: '127.0.0.1', port: gone.port, max_retries: 1, fallback_agents: [backup] });
    for (const name of [primary, backup]) {
      demo.onEnd(`remove VPS agent ${name}`, () => call(`${base}/agents/${name}`, { method: 'DELETE', headers, expect: 204 }));
    }
    return `${made.agent_name} at ${made.url}, falling back to ${made.fallback_agents.join(', ')}`;
  });

  await demo.step('call the primary: the fallback answers', async () => {
    const body = { agent_name: primary, prompt: 'Plan a project', session_id: session, user_id: 'demo-user', metadata: { context: 'demo' } };
    const result = await call(`${base}/call`, { method: 'POST', headers, body });
    demo.onEnd(`delete session ${session}`, () => call(`${base}/sessions/${session}`, { method: 'DELETE', headers, expect: 204 }));
    checkEqual([result.success, result.agent_name, result.response], [true, backup, 'You said: Plan a project'], 'the answer');
    checkEqual(result.attempts.map(({ agent: name, error_code: code }) => [name, code]), [[primary, 'refused'], [backup, null]], 'the attempts');
    check(agent.seen[0]?.authorization === 'Bearer demo-token', "the agent to get its own token", agent.seen[0]?.authorization ?? 'none');
    return `${primary} was ${result.attempts[0].error_code}, ${backup} answered "${result.response}" after ${result.latency_ms} ms`;
  });

  await demo.step('the health of both shows it', async () => {
    const sick = await call(`${base}/health/${primary}`, { headers });
    const well = await call(`${base}/health/${backup}`, { headers });
    checkEqual([sick.total_failures, sick.last_error_type, well.status], [1, 'CONNECTION', 'healthy'], 'failures, error and status');
    return `${primary}: ${sick.status}, ${sick.total_failures} of ${sick.total_requests} failed (${sick.last_error}); ${backup}: ${well.status}`;
  });

  await demo.step('the session kept both messages', async () => {
    const stored = await call(`${base}/sessions/${session}`, { headers });
    checkEqual(stored.messages.map(({ role, agent: by }) => [role, by]), [['user', ''], ['assistant', backup]], 'the messages');
    return stored.messages.map(({ role, content }) => `${role}: ${content}`).join(' | ');
  });
}

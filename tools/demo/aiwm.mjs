import { call, check, checkEqual } from './steps.mjs';

/** An agent is made and configured, connects with its secret, and is seen to be alive. Returns the administrator's headers. */
export async function aiwmWalk(demo, stack) {
  const base = stack.urls.aiwm;
  const headers = {};
  const ids = {};
  demo.chapter(`AIWM, ${base}: registry, configuration and presence of agents`);

  await demo.step('log in as the administrator', async () => {
    const { email: username, password } = stack.admin;
    const tokens = await call(`${base}/auth/login`, { method: 'POST', body: { username, password } });
    headers.Authorization = `Bearer ${tokens.accessToken}`;
    return `an access token for ${tokens.expiresIn} s, signed with a key of ${base}/.well-known/jwks.json`;
  });

  const make = async (kind, body) => {
    const made = await call(`${base}/${kind}`, { method: 'POST', headers, body, expect: 201 });
    demo.onEnd(`delete ${kind}/${made._id}`, () => call(`${base}/${kind}/${made._id}`, { method: 'DELETE', headers }));
    return made._id;
  };

  await demo.step('create an instruction, a tool, a node and an agent that refers to them', async () => {
    const prompt = { name: 'Demo instruction', systemPrompt: 'You are a helpful AI assistant.', guidelines: ['Be brief'] };
    const schema = { inputSchema: { type: 'object' }, outputSchema: { type: 'object' } };
    ids.instruction = await make('instructions', prompt);
    ids.tool = await make('tools', { name: 'list-dir', type: 'builtin', description: 'Lists a directory', category: 'system', schema });
    ids.node = await make('nodes', { name: 'demo-node', role: ['worker'] });
    const references = { instructionId: ids.instruction, allowedToolIds: [ids.tool], nodeId: ids.node };
    ids.agent = await make('agents', { name: 'Demo agent', ...references, settings: { maxTurns: 10 } });
    return `agent ${ids.agent}`;
  });

  let secret;
  await demo.step("make the agent's secret (shown once, with an environment file and an install script)", async () => {
    const made = await call(`${base}/agents/${ids.agent}/credentials/regenerate`, { method: 'POST', headers });
    secret = made.secret;
    check(/^[0-9a-f]{64}$/.test(secret), '64 hex digits', 'something else');
    return made.envConfig.split('\n').filter((line) => line.startsWith('AIWM_') && !line.includes('SECRET')).join(', ');
  });

  const agent = {};
  await demo.step('the agent connects and gets its configuration', async () => {
    const answer = await call(`${base}/agents/${ids.agent}/connect`, { method: 'POST', body: { secret } });
    checkEqual(answer.instruction, 'You are a helpful AI assistant.\n\n## Guidelines\n1. Be brief', 'the instruction');
    checkEqual(answer.tools.map((tool) => tool.name), ['list-dir'], 'the tools');
    checkEqual(answer.settings, { maxTurns: 10 }, 'the settings');
    agent.Authorization = `Bearer ${answer.token}`;
    return `instruction, ${answer.tools.length} tool, settings, and a token for ${answer.expiresIn / 3600} h`;
  });

  await demo.step('the agent sends a heartbeat and is shown as busy', async () => {
    const body = { status: 'busy', metrics: { cpu: 12.5 } };
    checkEqual(await call(`${base}/agents/${ids.agent}/heartbeat`, { method: 'POST', headers: agent, body }), { success: true }, 'the answer');
    const read = await call(`${base}/agents/${ids.agent}`, { headers });
    checkEqual([read.connectionStatus, read.connectionCount, read.metrics], ['busy', 1, { cpu: 12.5 }], 'status, connects and metrics');
    return `${read.connectionStatus} since ${read.presence.since}, next heartbeat expected by ${read.presence.nextExpectedAt}`;
  });

  await demo.step('a wrong secret is refused', async () => {
    const refused = await call(`${base}/agents/${ids.agent}/connect`, { method: 'POST', body: { secret: 'wrong' }, expect: 401 });
    return `401 ${refused.code}: ${refused.message}`;
  });
  return headers;
}

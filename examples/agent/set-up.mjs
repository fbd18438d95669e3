// Makes an agent at AIWM with an instruction, writes its variables to examples/agent/.env (or AIWM_ENV_FILE), and registers it at the bridge as "example-agent".
import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { portProblem } from '../../tools/workspace/ports.mjs';
import { runningStack, sdk, stopWith, takenText } from './workspace.mjs';

const { BridgeClient } = sdk();
const { urls, admin, api_keys } = runningStack();
const port = Number(process.env.AGENT_PORT || 8800);
const envFile = process.env.AIWM_ENV_FILE || fileURLToPath(new URL('.env', import.meta.url));

async function aiwm(path, body, token) {
  const headers = { 'Content-Type': 'application/json', ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  const response = await fetch(`${urls.aiwm}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (response.ok) return response.json();
  const { code, message, errors } = await response.json().catch(() => ({}));
  return stopWith(`AIWM answered ${[response.status, code].join(' ')} to POST ${path}: ${errors?.join('; ') ?? message ?? 'no reason given'}`);
}

process.once('uncaughtException', (error) => stopWith(error.cause?.message ?? error.message)); // a refusal of the bridge, or nobody listens

// before anything is made: the bridge would get a token that the agent of the last time does not know
if ((await portProblem(port, process.env.AGENT_HOST || '127.0.0.1')) === 'EADDRINUSE') stopWith(takenText(port));
const { accessToken } = await aiwm('/auth/login', { username: admin.email, password: admin.password });
const instruction = await aiwm('/instructions', { name: 'Example', systemPrompt: 'You are a friendly agent that answers in one sentence.' }, accessToken);
const agent = await aiwm('/agents', { name: 'example-agent', instructionId: instruction._id }, accessToken);
const { envConfig } = await aiwm(`/agents/${agent._id}/credentials/regenerate`, {}, accessToken);

const authToken = randomBytes(24).toString('base64url');
rmSync(envFile, { force: true });
writeFileSync(envFile, `${envConfig.trimEnd()}\nAGENT_PORT=${port}\nAGENT_AUTH_TOKEN=${authToken}\n`, { mode: 0o600 });
await new BridgeClient({ baseUrl: urls.vps_bridge, apiKey: api_keys.bridge }).register({ name: 'example-agent', host: '127.0.0.1', port, auth_token: authToken, streaming: true });
console.log(`Agent ${agent._id} is made; its variables are in ${envFile}. The bridge knows it as example-agent on port ${port}.`);

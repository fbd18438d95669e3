// Asks example-agent through the bridge and shows its answer as it comes: node examples/agent/ask.mjs "Good day"
import { runningStack, sdk, stopWith } from './workspace.mjs';

process.once('uncaughtException', (error) => stopWith(error.cause?.message ?? error.message)); // a refusal of the bridge, or nobody listens

const { BridgeClient } = sdk();
const { urls, api_keys } = runningStack();
const bridge = new BridgeClient({ baseUrl: urls.vps_bridge, apiKey: api_keys.bridge });

for await (const { event, data } of bridge.stream({ agent_name: 'example-agent', prompt: process.argv[2] ?? 'Good day', session_id: 'example', user_id: 'example' })) {
  if (event === 'text') process.stdout.write(data.delta);
  if (event === 'done') console.log();
  if (event === 'error') stopWith(`${data.error}${hint(data)}`);
}

function hint({ error_code: code, error_type: type }) {
  if (code === 'not_registered') return '\nWas set-up.mjs run before?';
  if (code === 'http_401') return '\nAn agent of an earlier set-up listens there: stop it (kill %1 in its terminal) and start agent.mjs again';
  return type === 'CONNECTION' ? '\nIs agent.mjs running? It says "Agent ready" when it is' : '';
}

import { choice, defineEnv, httpUrl, integer, list, platformVariables, text, type EnvOf, type EnvProblem } from '@agentfleet/platform';

const MIB = 1024 * 1024;

interface ModelVariables {
  readonly MODEL_BASE_URL: string | undefined;
  readonly MODEL_NAME: string | undefined;
}

/** A model is configured by its address and its name together. */
function check(env: ModelVariables): EnvProblem[] {
  if (env.MODEL_BASE_URL !== undefined && env.MODEL_NAME === undefined) {
    return [{ name: 'MODEL_NAME', problem: 'must be set when MODEL_BASE_URL is: the name of the model at that address' }];
  }
  if (env.MODEL_BASE_URL === undefined && env.MODEL_NAME !== undefined) {
    return [{ name: 'MODEL_BASE_URL', problem: 'must be set when MODEL_NAME is: the address of an OpenAI-compatible API' }];
  }
  return [];
}

/** Every variable of the execution gateway. */
export const executionGatewayEnv = defineEnv(
  {
    ...platformVariables,
    UA_GATEWAY_PORT: integer({ default: 8002, max: 65535, doc: 'Port.' }),
    GATEWAY_API_KEY: text({ optional: true, secret: true, doc: 'A static key of the default organization, with sessions:read and sessions:execute.' }),
    MODEL_BASE_URL: httpUrl({ optional: true, doc: 'OpenAI-compatible API with its version, such as https://api.example.com/v1. Without it the scripted model answers.' }),
    MODEL_API_KEY: text({ optional: true, secret: true, doc: 'Key of that API.' }),
    MODEL_NAME: text({ optional: true, maxLength: 256, doc: 'Model to ask there.' }),
    MODEL_PROVIDER: choice(['openai-compatible'], { default: 'openai-compatible', doc: 'How the model is spoken to.' }),
    MODEL_CONTEXT_TOKENS: integer({ optional: true, min: 1000, doc: 'What the model takes (default 100000, then as the provider says): oldest runs are left out of a request that is estimated larger.' }),
    MODEL_FIRST_BYTE_TIMEOUT_SECONDS: integer({ default: 120, min: 1, max: 3600, doc: 'Silence of the model before its answer begins.' }),
    MODEL_STALL_TIMEOUT_SECONDS: integer({ default: 60, min: 1, max: 3600, doc: 'Silence of the model within its answer.' }),
    GATEWAY_SCRIPTED_MODEL: choice(['auto', 'off'], { default: 'auto', doc: 'off: without a configured model runs fail instead of being answered by the scripted model.' }),
    GATEWAY_WORKSPACES_DIR: text({ optional: true, doc: 'Root of all workspaces; default DATA_DIR/workspaces.' }),
    GATEWAY_ALLOWED_WORKSPACES: list({ default: [], doc: 'Further directories that workspaces of the default organization may lie in.' }),
    GATEWAY_MAX_CONCURRENT_RUNS: integer({ default: 200, min: 1, max: 100_000, doc: 'Runs that this replica executes at once; more wait.' }),
    GATEWAY_MAX_SOCKETS: integer({ default: 5000, min: 1, max: 1_000_000, doc: 'Sockets of this replica.' }),
    GATEWAY_MAX_BODY_BYTES: integer({ default: MIB, min: 1024, doc: 'Largest request body.' }),
    GATEWAY_WS_MAX_PAYLOAD_BYTES: integer({ default: 4 * MIB, min: 1024, doc: 'Largest message on a socket.' }),
    GATEWAY_MAX_INPUT_BYTES: integer({ default: 1_000_000, min: 1, max: 4_000_000, doc: 'Largest user input.' }),
    GATEWAY_TOOL_RESULT_MAX_BYTES: integer({ default: 262_144, min: 1024, max: 800_000, doc: 'Larger tool results are cut in the middle.' }),
    GATEWAY_TEXT_COALESCE_MS: integer({ default: 20, max: 10_000, doc: 'Text deltas within this time make one event; 0: one event per delta.' }),
    GATEWAY_RATE_LIMIT_PER_SECOND: integer({ default: 100, max: 1_000_000, doc: 'Requests per key and replica; bursts of twice that; 0: no limit.' }),
    GATEWAY_QUEUE_TIMEOUT_SECONDS: integer({ default: 3600, min: 1, doc: 'A run that waits longer for a free slot fails.' }),
    GATEWAY_MAX_ITERATIONS_CEILING: integer({ default: 1000, min: 1, max: 1000, doc: 'Highest max_iterations of any run.' }),
  },
  check,
);
export type ExecutionGatewayEnv = EnvOf<typeof executionGatewayEnv>;

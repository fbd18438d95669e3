import type { AppDefinition } from '@agentfleet/platform';
import { AppModule } from './app.module';
import { clusterAgentEnv, type ClusterAgentEnv } from './env';
import { renderError } from './error-dialect';

export const clusterAgentApp: AppDefinition<ClusterAgentEnv> = {
  name: 'cluster-agent',
  title: 'Agentfleet cluster agent controller',
  description:
    'Agents inside private clusters dial out and keep one socket open, or use HTTP; this controller knows which clusters are alive and why. ' +
    'Agents present an API key with the scope cluster:register (npm start keeps one as cluster_token in stack.json; put it in apiKey), ' +
    'people a token or key with clusters:read and clusters:manage.',
  module: AppModule,
  env: clusterAgentEnv,
  port: (env) => env.CLUSTER_AGENT_PORT,
  renderError,
  http: {
    protectedPrefixes: ['/api/v1/clusters'],
    unknownSocketPath: 'not_found', // agents stop for good on 401
    bodyLimitBytes: (env) => env.CLUSTER_MAX_MESSAGE_BYTES,
    maxJsonDepth: 64,
    emptyJsonBody: 'object',
    nonObjectBody: 'validation_failed',
    deepJson: 'validation_failed',
    authFailuresPerMinute: 600,
  },
};

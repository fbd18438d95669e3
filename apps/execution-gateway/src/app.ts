import type { AppDefinition } from '@agentfleet/platform';
import { AppModule } from './app.module';
import { executionGatewayEnv, type ExecutionGatewayEnv } from './env';
import { renderError } from './error-dialect';

export const executionGatewayApp: AppDefinition<ExecutionGatewayEnv> = {
  name: 'execution-gateway',
  title: 'Agentfleet execution gateway',
  description: 'Keeps sessions, runs agents in them and streams what happens, durably: a run outlives its connection, its process and its replica.',
  module: AppModule,
  env: executionGatewayEnv,
  port: (env) => env.UA_GATEWAY_PORT,
  renderError,
  http: {
    protectedPrefixes: ['/'],
    publicPaths: ['/health', '/health/*', '/api/v1/health', '/metrics', '/api-docs', '/api-docs*'],
    bodyLimitBytes: (env) => env.GATEWAY_MAX_BODY_BYTES,
    maxJsonDepth: 64,
    emptyJsonBody: 'object',
    nonObjectBody: 'validation_failed',
    deepJson: 'validation_failed',
    authFailuresPerMinute: 300,
  },
  staticKeys: (env) => [
    { id: 'static:gateway', name: 'GATEWAY_API_KEY', secret: env.GATEWAY_API_KEY, scopes: ['sessions:read', 'sessions:execute'] },
  ],
};

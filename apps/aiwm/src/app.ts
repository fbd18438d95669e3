import type { AppDefinition } from '@agentfleet/platform';
import { AppModule } from './app.module';
import { aiwmEnv, type AiwmEnv } from './env';
import { renderError } from './error-dialect';

export const aiwmApp: AppDefinition<AiwmEnv> = {
  name: 'aiwm',
  title: 'Agentfleet AIWM',
  description:
    'Registry and configuration of agents, their connection protocol, and identity for the whole product. ' +
    'Log in with POST /auth/login, then press Authorize and paste the access token; an API key of POST /api-keys does for agents, instructions, tools, nodes and events. ' +
    'Only heartbeat and disconnect want the token that the agent itself got at connect.',
  module: AppModule,
  env: aiwmEnv,
  port: (env) => env.AIWM_PORT,
  renderError,
  http: {
    protectedPrefixes: ['/agents', '/instructions', '/tools', '/nodes', '/users', '/organizations', '/api-keys', '/audit-log', '/events', '/auth'],
    publicPaths: ['/auth/login', '/auth/refresh-token'],
    bodyLimitBytes: (env) => env.BODY_LIMIT_BYTES,
    maxJsonDepth: 32,
    emptyJsonBody: 'object',
    nonObjectBody: 'malformed_json',
    deepJson: 'malformed_json',
    authFailuresPerMinute: 600,
  },
};

import type { AppDefinition } from '@agentfleet/platform';
import { AppModule } from './app.module';
import { vpsBridgeEnv, type VpsBridgeEnv } from './env';
import { renderError } from './error-dialect';

/** Calls to agents that run on VPSs and speak HTTP (contract vps-bridge). */
export const vpsBridgeApp: AppDefinition<VpsBridgeEnv> = {
  name: 'vps-bridge',
  title: 'Agentfleet VPS bridge',
  description: 'A registry of agents on VPSs, calls that fall back along a chain, health and sessions.',
  module: AppModule,
  env: vpsBridgeEnv,
  port: (env) => env.VPS_BRIDGE_PORT,
  renderError,
  drainLimitMs: 11_000, // running calls get 10 s (contract section 11)
  http: {
    protectedPrefixes: ['/api/vps'],
    bodyLimitBytes: (env) => env.VPS_MAX_BODY_BYTES,
    maxJsonDepth: 64,
    emptyJsonBody: 'refuse',
    nonObjectBody: 'validation_failed',
    deepJson: 'validation_failed',
    authFailuresPerMinute: 600,
  },
  staticKeys: (env) =>
    env.BRIDGE_API_KEY === undefined
      ? []
      : [
          {
            id: 'static:bridge',
            name: 'BRIDGE_API_KEY',
            secret: env.BRIDGE_API_KEY,
            scopes: ['vps:read', 'vps:call', 'vps:manage', 'sessions:read', 'clusters:manage'],
          },
        ],
};

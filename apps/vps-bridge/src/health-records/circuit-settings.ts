import type { CircuitSettings } from '@agentfleet/resilience';
import type { VpsBridgeEnv } from '../env';

/** When circuits open and for how long, as the environment says. */
export function circuitSettings(env: VpsBridgeEnv): CircuitSettings {
  return {
    failures: env.VPS_CIRCUIT_FAILURES,
    cooldownMs: env.VPS_CIRCUIT_COOLDOWN_MS,
    cooldownMaxMs: env.VPS_CIRCUIT_COOLDOWN_MAX_MS,
    retryAfterMaxMs: env.VPS_RETRY_AFTER_MAX_MS,
  };
}

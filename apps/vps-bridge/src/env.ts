import { defineEnv, flag, integer, isCidr, list, platformVariables, text, type EnvOf } from '@agentfleet/platform';

const MIB = 1024 * 1024;

function requireCidr(entry: string): void {
  if (!isCidr(entry)) throw new Error(`must be a comma-separated list of CIDRs; "${entry.slice(0, 64)}" is none`);
}

/** Every variable of the vps-bridge. */
export const vpsBridgeEnv = defineEnv({
  ...platformVariables,
  VPS_BRIDGE_PORT: integer({ default: 18789, max: 65535, doc: 'Port.' }),
  BRIDGE_API_KEY: text({ optional: true, minLength: 16, secret: true, doc: 'One static key of the default organization, with all scopes of the bridge.' }),
  VPS_ALLOW_LOOPBACK: flag({ default: false, doc: 'Whether agents on this machine (127.0.0.0/8, ::1) may be registered and called.' }),
  VPS_DENY_CIDRS: list({ default: [], each: requireCidr, doc: 'Addresses that must not be called, besides those that never may.' }),
  VPS_BACKOFF_BASE_MS: integer({ default: 1000, max: 60_000, doc: 'Pause before the second attempt on an agent; doubles with each further one.' }),
  VPS_BACKOFF_MAX_MS: integer({ default: 8000, max: 600_000, doc: 'Longest pause of our own between attempts.' }),
  VPS_RETRY_AFTER_MAX_MS: integer({ default: 10_000, max: 600_000, doc: 'A longer Retry-After ends the attempts on the agent.' }),
  VPS_CONNECT_TIMEOUT_MS: integer({ default: 10_000, min: 1, max: 600_000, doc: 'Limit for resolving, connecting and TLS.' }),
  VPS_CIRCUIT_FAILURES: integer({ default: 3, min: 1, max: 1_000_000, doc: 'Consecutive failures that open the circuit of an agent.' }),
  VPS_CIRCUIT_COOLDOWN_MS: integer({ default: 20_000, min: 1, max: 3_600_000, doc: 'How long an open circuit is skipped at first.' }),
  VPS_CIRCUIT_COOLDOWN_MAX_MS: integer({ default: 60_000, min: 1, max: 3_600_000, doc: 'Longest cool-down after failed trials.' }),
  VPS_DEFAULT_DEADLINE_SECONDS: integer({ default: 120, min: 1, max: 3600, doc: 'Deadline of a call that names none.' }),
  VPS_MAX_BODY_BYTES: integer({ default: 8 * MIB, min: 1024, doc: 'Largest request body.' }),
  VPS_MAX_RESPONSE_BYTES: integer({ default: 8 * MIB, min: 1024, doc: "Largest answer of an agent, also after unpacking." }),
  VPS_MAX_IN_FLIGHT: integer({ default: 2000, min: 1, doc: 'Calls that may run at once in this replica.' }),
  VPS_MAX_IMPORT_BYTES: integer({ default: 64 * MIB, min: 1024, doc: 'Largest file of sessions that may be imported.' }),
  VPS_ASYNC_CONCURRENCY: integer({ default: 64, min: 1, doc: 'Asynchronous calls that run at once in this replica.' }),
  VPS_CALL_RETENTION_HOURS: integer({ default: 168, min: 24, doc: 'How long calls are kept, with their results and idempotency keys.' }),
  VPS_PROBE_INTERVAL_MS: integer({ default: 30_000, min: 0, max: 86_400_000, doc: 'How often unreachable agents are probed; 0 turns probes off.' }),
  VPS_SESSION_MAX_AGE_HOURS: integer({ default: 0, min: 0, max: 876_000, doc: 'Sessions unused for longer are deleted every hour; 0 keeps them for ever.' }),
});

export type VpsBridgeEnv = EnvOf<typeof vpsBridgeEnv>;

import { createPrivateKey } from 'node:crypto';
import { defineEnv, httpUrl, integer, isWildcardHost, platformVariables, text, type EnvOf, type EnvProblem } from '@agentfleet/platform';

const SECONDS_PER_DAY = 86_400;
const SECONDS_PER_WEEK = 604_800;

interface PresenceVariables {
  readonly AIWM_HEARTBEAT_TIMEOUT_S: number;
  readonly AIWM_HEARTBEAT_INTERVAL_S: number | undefined;
  readonly AIWM_HEARTBEAT_STALE_S: number | undefined;
}

/** Seconds after which an agent is called late and offline; interval < stale < timeout. */
export interface PresenceTimes {
  readonly intervalS: number;
  readonly staleS: number;
  readonly timeoutS: number;
}

export function presenceTimes(env: PresenceVariables): PresenceTimes {
  const timeoutS = env.AIWM_HEARTBEAT_TIMEOUT_S;
  return {
    timeoutS,
    intervalS: env.AIWM_HEARTBEAT_INTERVAL_S ?? Math.min(60, timeoutS / 3),
    staleS: env.AIWM_HEARTBEAT_STALE_S ?? timeoutS / 2,
  };
}

interface PublicAddress {
  readonly HOST: string;
  readonly AIWM_PORT: number;
  readonly AIWM_PUBLIC_URL: string | undefined;
}

/** The address that agents are told. `listeningPort` counts when the system chose the port. */
export function publicUrl(env: PublicAddress, listeningPort: number): string {
  if (env.AIWM_PUBLIC_URL !== undefined) return env.AIWM_PUBLIC_URL;
  const host = isWildcardHost(env.HOST) ? '127.0.0.1' : env.HOST;
  return `http://${host.includes(':') ? `[${host}]` : host}:${env.AIWM_PORT === 0 ? listeningPort : env.AIWM_PORT}`;
}

/** A PEM in a variable often has `\n` written out. */
export function privateKeyPem(value: string): string {
  return value.replace(/\\n/g, '\n');
}

function privateKeyProblem(value: string | undefined): string | undefined {
  if (value === undefined) return 'must be set: a P-256 private key as PKCS#8 PEM (npm start and npm run env make one)';
  try {
    const key = createPrivateKey(privateKeyPem(value));
    if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return undefined;
  } catch {
    // the same advice
  }
  return 'must be a P-256 private key as PKCS#8 PEM';
}

function check(env: PresenceVariables & { readonly JWT_PRIVATE_KEY: string | undefined }): EnvProblem[] {
  const problems: EnvProblem[] = [];
  const { intervalS, staleS, timeoutS } = presenceTimes(env);
  if (!(intervalS < staleS && staleS < timeoutS)) {
    const name = 'AIWM_HEARTBEAT_STALE_S';
    problems.push({ name, problem: `must lie between the interval (${intervalS} s) and the timeout (${timeoutS} s)` });
  }
  const keyProblem = privateKeyProblem(env.JWT_PRIVATE_KEY);
  if (keyProblem !== undefined) problems.push({ name: 'JWT_PRIVATE_KEY', problem: keyProblem });
  return problems;
}

/** Every variable of AIWM. */
export const aiwmEnv = defineEnv(
  {
    ...platformVariables,
    AIWM_PORT: integer({ default: 3305, max: 65_535, doc: 'Port.' }),
    AIWM_PUBLIC_URL: httpUrl({ optional: true, doc: 'Address that agents use; goes into their environment. Default http://<HOST>:<port>.' }),
    AIWM_ADMIN_EMAIL: text({ default: 'admin@localhost', maxLength: 254, doc: 'First administrator, made when there is no user.' }),
    AIWM_ADMIN_PASSWORD: text({ optional: true, secret: true, minLength: 8, maxLength: 72, doc: "First administrator's password." }),
    AIWM_RESET_ADMIN_PASSWORD: text({
      optional: true,
      secret: true,
      minLength: 8,
      maxLength: 72,
      doc: 'Sets the password of AIWM_ADMIN_EMAIL at boot (npm start -- --reset-admin-password).',
    }),
    JWT_PRIVATE_KEY: text({ optional: true, secret: true, doc: 'P-256 private key, PKCS#8 PEM; signs new tokens.' }),
    AIWM_HEARTBEAT_TIMEOUT_S: integer({ default: 180, min: 3, max: 86_400, doc: 'Silence after which an agent is offline, seconds.' }),
    AIWM_HEARTBEAT_INTERVAL_S: integer({ optional: true, min: 1, max: 86_400, doc: 'Heartbeat interval told to agents, seconds.' }),
    AIWM_HEARTBEAT_STALE_S: integer({ optional: true, min: 1, max: 86_400, doc: 'Silence after which an agent is late, seconds.' }),
    AGENT_TOKEN_TTL_SECONDS: integer({ default: SECONDS_PER_DAY, min: 1, max: SECONDS_PER_WEEK, doc: "Life of an agent's token." }),
    USER_TOKEN_TTL_SECONDS: integer({ default: 3600, min: 1, max: SECONDS_PER_DAY, doc: "Life of a user's access token." }),
    REFRESH_TOKEN_TTL_SECONDS: integer({ default: SECONDS_PER_WEEK, min: 1, max: 90 * SECONDS_PER_DAY, doc: 'Life of a refresh token.' }),
    CREDENTIAL_OVERLAP_MAX_SECONDS: integer({ default: SECONDS_PER_WEEK, max: 90 * SECONDS_PER_DAY, doc: 'Longest overlap of a rotated secret.' }),
    CONNECT_FAILURES_PER_MINUTE: integer({ default: 10, min: 1, doc: 'Failed connects per agent and address before 429.' }),
    CONNECT_FAILURES_PER_SOURCE_PER_MINUTE: integer({ default: 300, min: 1, doc: 'Failed connects per address before 429.' }),
    BODY_LIMIT_BYTES: integer({ default: 1_048_576, min: 1024, doc: 'Largest body.' }),
    AUDIT_RETENTION_DAYS: integer({ default: 365, min: 1, doc: 'Age at which audit records are dropped.' }),
  },
  check,
);
export type AiwmEnv = EnvOf<typeof aiwmEnv>;

import { BlockList, isIP } from 'node:net';
import { choice, httpUrl, list, text, type EnvProblem } from './define-env';

/** Refuses what is no CIDR (`10.0.0.0/8`, `::1/128`) and no plain address. */
function checkCidr(entry: string): void {
  const [address = '', bits, ...rest] = entry.split('/');
  const family = isIP(address);
  const max = family === 4 ? 32 : 128;
  const valid = family !== 0 && rest.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= max));
  if (!valid) throw new Error(`must be a comma-separated list of CIDRs; "${entry.slice(0, 64)}" is none`);
}

/** Refuses what no browser sends as `Origin`: a bare name, a path, a star. */
export function checkOrigin(entry: string): void {
  const url = URL.canParse(entry) ? new URL(entry) : undefined;
  const isOrigin = url && (url.protocol === 'http:' || url.protocol === 'https:') && url.origin === entry;
  if (!isOrigin) throw new Error(`must be a comma-separated list of origins such as https://fleet.example:8443; "${entry.slice(0, 64)}" is none`);
}

/** The variables that every app has. */
export const platformVariables = {
  HOST: text({ default: '127.0.0.1', doc: 'Address to listen on; 0.0.0.0 in containers.' }),
  MONGODB_URI: text({
    default: 'mongodb://127.0.0.1:27017/agentfleet?replicaSet=rs0',
    secret: true,
    pattern: /^mongodb(\+srv)?:\/\//,
    patternText: 'begin with mongodb:// or mongodb+srv://',
    doc: 'MongoDB replica set, with the database name.',
  }),
  REDIS_URL: text({
    default: 'redis://127.0.0.1:6379',
    secret: true,
    pattern: /^rediss?:\/\//,
    patternText: 'begin with redis:// or rediss://',
    doc: 'Redis, for notices and requests between replicas.',
  }),
  AUTH_MODE: choice(['required', 'off'], {
    default: 'required',
    doc: 'off: callers without credentials act as owner of the default organization; only while HOST is a loopback address.',
  }),
  SECRETS_KEY: text({
    optional: true,
    secret: true,
    pattern: /^[A-Za-z0-9_-]{1,32}:[A-Za-z0-9+/=]{44}(,[A-Za-z0-9_-]{1,32}:[A-Za-z0-9+/=]{44})*$/,
    patternText: 'be keyId:base64 of 32 bytes, or a comma-separated list of such (npm run env makes one)',
    doc: 'Keys for secrets at rest: the first encrypts, all decrypt.',
  }),
  CORS_ORIGINS: list({
    default: ['http://127.0.0.1:3305', 'http://localhost:3305'],
    each: checkOrigin,
    doc: 'Origins of pages that may call this app.',
  }),
  TRUSTED_PROXIES: list({ default: [], each: checkCidr, doc: 'CIDRs whose X-Forwarded-For counts.' }),
  INTERNAL_URL: httpUrl({ optional: true, doc: 'Address of this replica for other replicas; default http://<HOST>:<port>.' }),
  DATA_DIR: text({ default: '.data', doc: 'Directory for files of this app.' }),
  LOG_LEVEL: choice(['trace', 'debug', 'info', 'warn', 'error', 'silent'], { default: 'info', doc: 'Log level.' }),
  NODE_ENV: text({ default: 'development', doc: 'Shown as environment.' }),
  GIT_COMMIT: text({ default: 'unknown', doc: 'Commit that this build was made from; shown by /health.' }),
};

export interface PlatformEnv {
  readonly HOST: string;
  readonly MONGODB_URI: string;
  readonly REDIS_URL: string;
  readonly AUTH_MODE: 'required' | 'off';
  readonly SECRETS_KEY: string | undefined;
  readonly CORS_ORIGINS: readonly string[];
  readonly TRUSTED_PROXIES: readonly string[];
  readonly INTERNAL_URL: string | undefined;
  readonly DATA_DIR: string;
  readonly LOG_LEVEL: string;
  readonly NODE_ENV: string;
  readonly GIT_COMMIT: string;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

export function isLoopbackHost(host: string): boolean {
  const family = isIP(host);
  return host === 'localhost' || (family !== 0 && loopback.check(host, family === 6 ? 'ipv6' : 'ipv4'));
}

/** True when the app listens on all addresses of the machine. */
export function isWildcardHost(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** What concerns several platform variables at once. */
export function platformProblems(env: PlatformEnv): readonly EnvProblem[] {
  const problems: EnvProblem[] = [];
  if (env.AUTH_MODE === 'off' && !isLoopbackHost(env.HOST)) {
    problems.push({ name: 'AUTH_MODE', problem: 'can be off only while HOST is a loopback address' });
  }
  if (env.SECRETS_KEY === undefined) {
    problems.push({ name: 'SECRETS_KEY', problem: 'must be set: keyId:base64 of 32 bytes (npm start and npm run env make one)' });
  }
  return problems;
}

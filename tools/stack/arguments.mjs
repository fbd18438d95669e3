import { UserError } from '../workspace/progress.mjs';
import { APPS } from './apps.mjs';

const MOST_REPLICAS = 16;

/**
 * Reads the flags of npm start.
 * @returns {{help: boolean, check: boolean, resetAdminPassword: boolean, noInstall: boolean, replicas: Record<string, number>}}
 */
export function parseArguments(args) {
  const options = { help: false, check: false, resetAdminPassword: false, noInstall: false, replicas: {} };
  const rest = [...args];
  while (rest.length > 0) {
    const [flag, inline] = splitFlag(rest.shift());
    if (flag === '--help' || flag === '-h') options.help = true;
    else if (flag === '--check') options.check = true;
    else if (flag === '--reset-admin-password') options.resetAdminPassword = true;
    else if (flag === '--no-install') options.noInstall = true;
    else if (flag === '--replicas') options.replicas = parseReplicas(inline ?? rest.shift());
    else throw new UserError(`npm start does not know ${flag}. Its flags: npm start -- --help`);
  }
  return options;
}

const FLAGS_OF_NPM = { replicas: '--replicas', check: '--check', reset_admin_password: '--reset-admin-password', install: '--no-install' };

/**
 * npm takes flags before two dashes for its own and leaves them in the environment: the stack would start without them.
 * @returns {string | undefined} what to write instead
 */
export function flagsEatenByNpm(variables) {
  const eaten = Object.entries(FLAGS_OF_NPM).find(([name]) => variables[`npm_config_${name}`] !== undefined && !(name === 'install' && variables.npm_config_install === 'true'));
  if (!eaten) return undefined;
  const [name, flag] = eaten;
  const value = variables[`npm_config_${name}`];
  const shown = name === 'replicas' ? `${flag} ${value.includes('=') ? value : 'aiwm=2'}` : flag;
  return `npm kept ${flag} for itself. Flags come after two dashes:  npm start -- ${shown}`;
}

/** `--flag=value` in two parts; only the first equals sign separates, `--replicas=aiwm=2` has two. */
function splitFlag(argument) {
  const at = argument.indexOf('=');
  return at < 0 ? [argument, undefined] : [argument.slice(0, at), argument.slice(at + 1)];
}

function parseReplicas(text) {
  if (!text) throw new UserError('--replicas wants apps and numbers, for example --replicas aiwm=2,execution-gateway=2');
  const entries = text.split(',').map((part) => {
    const [name, number, ...more] = part.trim().split('=');
    if (!APPS.some((app) => app.name === name)) {
      throw new UserError(`--replicas: there is no app ${JSON.stringify(name)}; the apps are ${APPS.map((app) => app.name).join(', ')}`);
    }
    const count = Number(number);
    if (more.length > 0 || !/^\d+$/.test(number ?? '') || count < 1 || count > MOST_REPLICAS) {
      throw new UserError(`--replicas: ${name} wants a number from 1 to ${MOST_REPLICAS}, for example ${name}=2`);
    }
    return [name, count];
  });
  return Object.fromEntries(entries);
}

export const HELP = `npm start: builds what changed, finds or starts MongoDB and Redis, starts the four apps, stops all on Ctrl-C.

Flags (after two dashes: npm start -- --help)
  --replicas app=N,...       more processes of an app, on the next free ports; apps: ${APPS.map((app) => app.name).join(', ')}
  --reset-admin-password     gives the first administrator a new password and prints it (AIWM_ADMIN_PASSWORD when set)
  --check                    installs, builds and checks ports and variables, then ends without starting anything
  --no-install               never installs a package of the system (otherwise redis-server with apt-get, as root on Debian,
                             when nothing else gives a Redis)
  --help                     this text

Variables
${APPS.map((app) => `  ${app.portVariable.padEnd(26)} port of ${app.name} (${app.port})`).join('\n')}
  HOST                       address the apps listen on (127.0.0.1; 0.0.0.0 for all)
  DATA_DIR                   databases, generated secrets, logs, stack.json (.data in the repository)
  MONGODB_URI                a MongoDB replica set to use instead of an own one, with the database name
  REDIS_URL                  a Redis to use instead of an own one
  AIWM_ADMIN_EMAIL           e-mail of the first administrator (admin@localhost)
  AIWM_ADMIN_PASSWORD        password of the first administrator (generated, printed once)
  AUTH_MODE                  required, or off: no credentials needed, only while HOST is a loopback address (required)
  SECRETS_KEY                <id>:<base64 of 32 bytes>, encrypts secrets at rest (generated)
  JWT_PRIVATE_KEY            P-256 key in PKCS#8 PEM, signs tokens (generated)
  GATEWAY_API_KEY            static key of execution-gateway (generated)
  BRIDGE_API_KEY             static key of vps-bridge (generated)
  CORS_ORIGINS               origins of pages that may call the apps (aiwm's own address)
  AIWM_PUBLIC_URL, CLUSTER_PUBLIC_URL, RUNTIME_PUBLIC_URL, INTERNAL_URL
                             addresses that others see (from HOST and the ports)
  VPS_ALLOW_LOOPBACK         true: VPS agents on this machine may be registered (true here, false elsewhere)
  XDG_CACHE_HOME             where downloaded MongoDB and Redis are kept (~/.cache)

Every variable of an app that is set when npm start is called reaches that app; apps/<app>/src/env.ts explains each.
Generated secrets are kept in DATA_DIR/secrets.json, addresses and keys of a running stack in DATA_DIR/stack.json.
`;

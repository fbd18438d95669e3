import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readIfThere, writePrivateFile } from '../workspace/files.mjs';
import { UserError } from '../workspace/progress.mjs';

/** How each secret is made when the environment does not give it. */
const GENERATORS = {
  SECRETS_KEY: () => `k1:${randomBytes(32).toString('base64')}`,
  JWT_PRIVATE_KEY: newSigningKey,
  AIWM_ADMIN_PASSWORD: newPassword,
  GATEWAY_API_KEY: newApiKey,
  BRIDGE_API_KEY: newApiKey,
};
export const SECRET_NAMES = Object.keys(GENERATORS);

/** A new P-256 private key as PKCS#8 PEM. */
export function newSigningKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' });
}

/** 120 random bits that can be typed. */
export function newPassword() {
  return randomBytes(15).toString('base64url');
}

export function newApiKey() {
  return `afk_${randomBytes(32).toString('base64url')}`;
}

/** What the databases of `npm start` ask for. Made of characters that need no escaping in an address. */
const DATABASE_CREDENTIALS = {
  mongodb_key: () => randomBytes(48).toString('hex'),
  mongodb_password: () => randomBytes(24).toString('base64url'),
  redis_password: () => randomBytes(24).toString('base64url'),
};

/** All generated secrets at once. */
export function generateSecrets() {
  return Object.fromEntries(Object.entries(GENERATORS).map(([name, make]) => [name, make()]));
}

/**
 * The secrets of a stack, kept in `file` (0600) over restarts. What the environment gives wins and is not kept.
 * @returns {{values: object, kept: object, save(change: object): void}} `kept` is the content of the file
 */
export function openSecrets(file, variables) {
  const kept = parseSecrets(readIfThere(file), file);
  let changed = false;
  for (const [name, make] of Object.entries(GENERATORS)) {
    if (variables[name] || kept[name]) continue;
    kept[name] = make();
    changed = true;
  }
  const store = {
    kept,
    values: {
      ...Object.fromEntries(SECRET_NAMES.map((name) => [name, variables[name] || kept[name]])),
      AIWM_ADMIN_EMAIL: variables.AIWM_ADMIN_EMAIL || 'admin@localhost',
    },
    save(change) {
      Object.assign(kept, change);
      writePrivateFile(file, `${JSON.stringify(kept, null, 2)}\n`);
    },
  };
  for (const [name, make] of Object.entries(DATABASE_CREDENTIALS)) {
    if (kept[name]) continue;
    kept[name] = make();
    changed = true;
  }
  if (changed) store.save({});
  return store;
}

/** For `startDatabases`. */
export function databaseCredentials({ kept }) {
  return { mongodbKey: kept.mongodb_key, mongodbPassword: kept.mongodb_password, redisPassword: kept.redis_password };
}

/** Never replaced by new ones when it cannot be read: data encrypted under the old key would be lost. */
function parseSecrets(text, file) {
  if (text === undefined) return {};
  try {
    const value = JSON.parse(text);
    if (value && typeof value === 'object' && !Array.isArray(value)) return value;
  } catch {
    // Told below.
  }
  throw new UserError(`${file} is damaged. Restore it from a backup; without it stored secrets cannot be read. To begin anew, move the directory away`);
}

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import * as os from 'node:os';
import { mongo } from 'mongoose';

/** A database of its own for one test file, and the variables that make an app use it. */
export interface TestDatabase {
  readonly name: string;
  readonly mongodbUri: string;
  readonly redisUrl: string;
  /** For `bootApp(definition, { env })`: port 0, secrets, servers, log level `error`. */
  readonly env: Readonly<Record<string, string>>;
  /** The bare driver's view, for looking at what was stored and for preparing it. */
  readonly db: mongo.Db;
  /** Drops the database and disconnects. */
  drop(): Promise<void>;
}

function fromEnvironment(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: integration specs run through jest.int.config.cjs`);
  return value;
}

export async function testDatabase(): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  const base = new URL(fromEnvironment('TEST_MONGODB_URI'));
  base.pathname = `/${name}`;
  const mongodbUri = base.toString();
  const redisUrl = fromEnvironment('TEST_REDIS_URL');
  const client = await mongo.MongoClient.connect(mongodbUri, { runtimeAdapters: { os } }); // the driver's own import() fails under Jest
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const env = {
    HOST: '127.0.0.1',
    MONGODB_URI: mongodbUri,
    REDIS_URL: redisUrl,
    SECRETS_KEY: `test:${randomBytes(32).toString('base64')}`,
    JWT_PRIVATE_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    LOG_LEVEL: 'error',
    AIWM_PORT: '0',
    VPS_BRIDGE_PORT: '0',
    CLUSTER_AGENT_PORT: '0',
    UA_GATEWAY_PORT: '0',
    VPS_ALLOW_LOOPBACK: 'true',
  };
  return {
    name,
    mongodbUri,
    redisUrl,
    env,
    db: client.db(name),
    async drop() {
      await client.db(name).dropDatabase();
      await client.close();
    },
  };
}

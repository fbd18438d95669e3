import { malformedText } from './addresses.mjs';
import { UserError } from '../workspace/progress.mjs';

export const REPLICA_SET = 'agentfleet';
/** The user of the apps; it may read and write all databases of this server, and nothing of its configuration. */
export const APP_USER = 'agentfleet';
const APP_ROLES = [{ role: 'readWriteAnyDatabase', db: 'admin' }, { role: 'dbAdminAnyDatabase', db: 'admin' }, { role: 'clusterMonitor', db: 'admin' }];
const USER_EXISTS = 51003;
const NOT_YET_INITIALIZED = 94;
const START_LIMIT_MS = 60_000;

/**
 * Waits until the mongod on that port is the primary of its one-node replica set. The first time the set is made;
 * when the port differs from the one in its configuration (MongoDB keeps it there) the configuration is changed.
 * Then the user of the apps is made, or given its password.
 * @param {() => string | undefined} died says why it can never answer any more (its process ended)
 * @param credentials `{mongodbKey, mongodbPassword}` of a server with access control
 */
export async function becomePrimary(port, died = () => undefined, credentials = undefined) {
  const deadlineMs = Date.now() + START_LIMIT_MS;
  let problem = 'no answer yet';
  for (;;) {
    if (died()) throw new UserError(died());
    // a client whose first connection failed stays closed, so each try has its own
    const client = await connect(port, credentials);
    try {
      if (await isPrimary(client, `127.0.0.1:${port}`)) return credentials && (await setPassword(client, credentials));
      problem = 'it is not the primary yet';
    } catch (error) {
      problem = error.message;
    } finally {
      await client.close(true);
    }
    if (Date.now() > deadlineMs) throw new UserError(`mongod did not become ready within ${START_LIMIT_MS / 1000} s: ${problem}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Members of a set know each other by the key: with it we may also do what no user may yet, in a set without users. */
function asMember({ mongodbKey }) {
  return { auth: { username: '__system', password: mongodbKey }, authSource: 'local', authMechanism: 'SCRAM-SHA-256' };
}

async function setPassword(client, { mongodbPassword }) {
  const admin = client.db('admin');
  const change = { pwd: mongodbPassword, roles: APP_ROLES };
  try {
    await admin.command({ createUser: APP_USER, ...change });
  } catch (error) {
    if (error.code !== USER_EXISTS) throw error;
    await admin.command({ updateUser: APP_USER, ...change });
  }
}

async function connect(port, credentials) {
  const { default: mongoose } = await import('mongoose');
  return new mongoose.mongo.MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`, {
    serverSelectionTimeoutMS: 500,
    connectTimeoutMS: 2000,
    monitorCommands: false,
    ...(credentials ? asMember(credentials) : {}),
  });
}

async function isPrimary(client, host) {
  const admin = client.db('admin');
  const hello = await admin.command({ hello: 1 });
  if (hello.isWritablePrimary && hello.me === host) return true;
  const config = await currentConfig(admin);
  if (!config) {
    await admin.command({ replSetInitiate: { _id: REPLICA_SET, members: [{ _id: 0, host }] } });
  } else if (config.members[0]?.host !== host) {
    const members = [{ ...config.members[0], host }];
    await admin.command({ replSetReconfig: { ...config, version: config.version + 1, members }, force: true });
  }
  return false;
}

async function currentConfig(admin) {
  try {
    return (await admin.command({ replSetGetConfig: 1 })).config;
  } catch (error) {
    if (error.code === NOT_YET_INITIALIZED) return undefined;
    throw error;
  }
}

/** Checks a server that was given by MONGODB_URI. Throws a UserError that says what is wrong. */
export async function checkMongo(uri) {
  const client = await clientOf(uri);
  try {
    const hello = await client.db('admin').command({ hello: 1 });
    if (!hello.setName && hello.msg !== 'isdbgrid') {
      throw new UserError('MONGODB_URI names a server without a replica set. Start mongod with --replSet and run rs.initiate()');
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`MONGODB_URI: no connection (${withoutCredentials(error.message)}). Start that server, or unset MONGODB_URI`);
  } finally {
    await client.close(true);
  }
}

/** The address is read when the client is made: what fails here is no server that is down. */
async function clientOf(uri) {
  const { default: mongoose } = await import('mongoose');
  try {
    return new mongoose.mongo.MongoClient(uri, { serverSelectionTimeoutMS: 10_000 });
  } catch (error) {
    throw new UserError(malformedText('MONGODB_URI', withoutCredentials(error.message)));
  }
}

const withoutCredentials = (text) => text.replace(/\/\/[^/@\s]*@/g, '//');

import { startTestServers } from './test-servers';

/** One real mongod and one real redis-server for the whole run; their addresses reach the specs through the environment. */
// eslint-disable-next-line no-restricted-syntax -- Jest calls the default export
export default async function setup(): Promise<void> {
  const servers = await startTestServers();
  process.env['TEST_MONGODB_URI'] = servers.mongodbUri;
  process.env['TEST_REDIS_URL'] = servers.redisUrl;
  process.env['TEST_REDIS_SERVER'] = servers.redisServer;
  process.env['TEST_MONGOD'] = servers.mongod;
}

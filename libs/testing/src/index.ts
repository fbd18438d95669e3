export { IdentityFixtures, type FixtureKey, type FixtureUser } from './identity-fixtures';
export { Cable } from './cable';
export { bytes, FakeAgent, json, says, type ReceivedRequest } from './fake-agent';
export { freePort, OwnRedis } from './redis-server';
export { isAlive, runTool, StackProcess, type StackFile } from './stack-process';
export { testDatabase, type TestDatabase } from './test-database';
export { jsonItems, processorTimeGrowth } from './processor-time';
export { startTestServers, stopTestServers, type TestServers } from './test-servers';
export { waitFor } from './wait-for';

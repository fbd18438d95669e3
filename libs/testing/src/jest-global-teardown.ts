import { stopTestServers } from './test-servers';

// eslint-disable-next-line no-restricted-syntax -- Jest calls the default export
export default async function teardown(): Promise<void> {
  await stopTestServers();
}

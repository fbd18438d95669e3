/** Integration tests: real MongoDB and Redis, one pair for the run, a database for each file. */
module.exports = {
  ...require('./jest.base.cjs'),
  testMatch: ['**/*.int-spec.ts'],
  globalSetup: '<rootDir>/libs/testing/src/jest-global-setup.ts',
  globalTeardown: '<rootDir>/libs/testing/src/jest-global-teardown.ts',
  testTimeout: 60000,
  maxWorkers: 2,
};

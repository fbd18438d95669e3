/** End-to-end tests: the built apps as processes. */
module.exports = {
  ...require('./jest.base.cjs'),
  testMatch: ['<rootDir>/e2e/**/*.e2e-spec.ts'],
  testTimeout: 180000,
  maxWorkers: 1,
};

/** Unit tests: pure, no I/O. */
module.exports = { ...require('./jest.base.cjs'), testMatch: ['**/*.spec.ts'] };

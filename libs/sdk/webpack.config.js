const { join } = require('node:path');

/** `dist/libs/sdk/index.js`: the SDK with the libs it needs in one CommonJS file, for programs that run outside the workspace's tests. */
module.exports = {
  ...require('../../webpack.app.js')(__dirname),
  entry: './src/index.ts',
  output: { path: join(__dirname, '../../dist/libs/sdk'), filename: 'index.js', library: { type: 'commonjs2' }, clean: true },
};

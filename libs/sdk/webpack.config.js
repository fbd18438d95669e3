const { join } = require('node:path');

/**
 * For programs outside the workspace, each with the libs that it needs in one CommonJS file: `dist/libs/sdk/index.js` with both
 * clients, `dist/libs/sdk/bridge.js` with the bridge client alone, which imports nothing and so runs in browsers and edge workers.
 */
module.exports = {
  ...require('../../webpack.app.js')(__dirname),
  entry: { index: './src/index.ts', bridge: './src/bridge/index.ts' },
  output: { path: join(__dirname, '../../dist/libs/sdk'), filename: '[name].js', library: { type: 'commonjs2' }, clean: true },
};

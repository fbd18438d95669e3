/**
 * The bridge as a process of its own, from its sources, so that specs can kill it and weigh it. Sends `{url}` to its parent
 * when it is ready, and its memory in bytes whenever it is sent anything; ends with its parent.
 */
const Module = require('node:module');
const { join } = require('node:path');
const { transformFileSync } = require('@swc/core');
const { rootDir, transform } = require('../../../../jest.base.cjs');

const [, options] = Object.values(transform)[0];

Module._extensions['.ts'] = (module, filename) => module._compile(transformFileSync(filename, { ...options, swcrc: false, sourceMaps: false }).code, filename);
const resolve = Module._resolveFilename;
Module._resolveFilename = (request, ...rest) => {
  const lib = /^@agentfleet\/([^/]+)$/.exec(request)?.[1];
  return resolve(lib === undefined ? request : join(rootDir, 'libs', lib, 'src/index.ts'), ...rest);
};

const { bootApp } = require('../../../../libs/platform/src/index.ts');
const { vpsBridgeApp } = require('../app.ts');

process.on('disconnect', () => process.exit(0));
process.on('message', () => process.send({ rss: process.memoryUsage().rss }));
void bootApp(vpsBridgeApp, { env: process.env }).then(async ({ url, services }) => {
  await services.lifecycle.whenReady();
  process.send({ url });
});

// `npm start`. This file is read by whatever Node is installed: it checks that first and loads the rest afterwards.
import { requireNode } from './workspace/node-version.mjs';

requireNode();
import('./stack/command.mjs').then(function (command) {
  return command.main(process.argv.slice(2));
});

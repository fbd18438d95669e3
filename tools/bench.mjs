// `npm run bench`: the product beside bare baselines, in the same run and interleaved; what counts is the ratio.
import { availableParallelism } from 'node:os';
import { buildIfNeeded } from './workspace/build.mjs';
import { installIfNeeded } from './workspace/install.mjs';
import { ROOT } from './workspace/paths.mjs';
import { createProgress } from './workspace/progress.mjs';

const HELP = `npm run bench -- [--rounds N] [--seconds S] [row ...]

Measures the built apps beside bare baselines, in turn, and prints each ratio's median and spread. Absolute figures depend
on the machine; ratios hold when its speed drifts. Rows: bridge, aiwm (default: all).

  --rounds N    pairs of measurements of each row (5)
  --seconds S   length of one measurement (3)`;

function parse(args) {
  const options = { rounds: 5, seconds: 3, rows: [] };
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--help') options.help = true;
    else if (args[i] === '--rounds') options.rounds = Number(args[++i]);
    else if (args[i] === '--seconds') options.seconds = Number(args[++i]);
    else options.rows.push(args[i]);
  }
  const valid = Number.isInteger(options.rounds) && options.rounds > 0 && options.seconds > 0 && options.rows.every((row) => ['bridge', 'aiwm'].includes(row));
  if (!valid) options.help = true;
  return options;
}

const options = parse(process.argv.slice(2));
if (options.help) {
  console.log(HELP);
  process.exit(0);
}
const progress = createProgress();
await installIfNeeded(ROOT, progress);
await buildIfNeeded(ROOT, progress);
const { Processes } = await import('./bench/processes.mjs');
const { aiwmRows } = await import('./bench/aiwm.mjs');
const { bridgeRows } = await import('./bench/bridge.mjs');
const processes = new Processes();
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => processes.stop().then(() => process.exit(1)));
let code = 0;
console.log(`Node ${process.version}, ${availableParallelism()} cores`);
try {
  const wants = (name) => options.rows.length === 0 || options.rows.includes(name);
  if (wants('bridge')) await bridgeRows(processes, options);
  if (wants('aiwm')) await aiwmRows(processes, options);
} catch (error) {
  console.error(error);
  code = 1;
}
await processes.stop();
process.exit(code);

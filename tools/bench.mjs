// `npm run bench`: the product beside bare baselines, in the same run and interleaved; what counts is the ratio.
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { nodesFor, ownMajor } from './bench/nodes.mjs';
import { besideEachOther, isReached, keepRun, readEarlier, Report } from './bench/report.mjs';
import { buildIfNeeded } from './workspace/build.mjs';
import { installIfNeeded } from './workspace/install.mjs';
import { dataDirectory, ROOT } from './workspace/paths.mjs';
import { createProgress, UserError } from './workspace/progress.mjs';

/** Group → its rows; loaded after the packages are there. */
const GROUPS = {
  bridge: async () => (await import('./bench/bridge.mjs')).bridgeRows,
  aiwm: async () => (await import('./bench/aiwm.mjs')).aiwmRows,
  cluster: async () => (await import('./bench/cluster.mjs')).clusterRows,
  boot: async () => (await import('./bench/boot.mjs')).bootRows,
  gateway: async () => (await import('./bench/gateway.mjs')).gatewayRows,
};

const HELP = `npm run bench -- [--rounds N] [--seconds S] [--node 20,24] [group ...]

Measures the built apps beside bare baselines, in turn, and prints the median, the least and the most of each figure. Absolute
figures depend on the machine; ratios hold when its speed drifts. Groups: ${Object.keys(GROUPS).join(', ')} (default: all).

  --rounds N      pairs of measurements of each row (5)
  --seconds S     length of one measurement (3)
  --node A[,B]    major versions of Node; another one than this (${ownMajor}) comes from the npm package "node" (${ownMajor})

Each run is kept as JSON in DATA_DIR/bench (.data/bench); the next run shows its figures beside the earlier ones.`;

function parse(args) {
  const options = { rounds: 5, seconds: 3, nodes: [ownMajor], groups: [] };
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--help') options.help = true;
    else if (args[i] === '--rounds') options.rounds = Number(args[++i]);
    else if (args[i] === '--seconds') options.seconds = Number(args[++i]);
    else if (args[i] === '--node') options.nodes = (args[++i] ?? '').split(',').map(Number);
    else if (Object.hasOwn(GROUPS, args[i])) options.groups.push(args[i]);
    else throw new UserError(`npm run bench does not know ${args[i]}; its groups are ${Object.keys(GROUPS).join(', ')}. More: npm run bench -- --help`);
  }
  if (!Number.isInteger(options.rounds) || options.rounds < 1) throw new UserError('--rounds wants a whole number from 1');
  if (!(options.seconds > 0)) throw new UserError('--seconds wants a number above 0');
  if (!options.nodes.every((major) => Number.isInteger(major) && major >= 20)) throw new UserError('--node wants major versions from 20, for example --node 20,24');
  return options;
}

function commit() {
  try {
    const isClean = execFileSync('git', ['status', '--porcelain', '--untracked-files=no'], { cwd: ROOT, encoding: 'utf8' }) === '';
    return `${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).trim()}${isClean ? '' : ' and changes'}`;
  } catch {
    return 'unknown';
  }
}

async function measure(options, directory) {
  const { Processes } = await import('./bench/processes.mjs');
  const machine = `${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown processor'}`;
  const runs = nodesFor(options.nodes).map((node) => {
    const processes = new Processes(node.execPath);
    return { node, processes, report: new Report(readEarlier(directory, node.major)) };
  });
  const stop = () => Promise.all(runs.map(({ processes }) => processes.stop()));
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => stop().then(() => process.exit(1)));
  const at = new Date().toISOString();
  console.log(`${machine}; ${options.rounds} pairs of ${options.seconds} s; figures are median (least–most)`);
  try {
    for (const group of options.groups.length === 0 ? Object.keys(GROUPS) : options.groups) {
      const rows = await GROUPS[group]();
      for (const { node, processes, report } of runs) {
        console.log(`\nNode ${node.version}`);
        await rows({ processes, report, rounds: options.rounds, seconds: options.seconds });
        await processes.stop();
      }
    }
  } finally {
    await stop();
  }
  const kept = runs.map(({ node, report }) => ({ at, commit: commit(), node: node.version, node_major: node.major, machine, rounds: options.rounds, seconds: options.seconds, rows: report.rows }));
  if (kept.length > 1) console.log(`\n${besideEachOther(kept)}`);
  const missed = kept.flatMap(({ node, rows }) => rows.filter((row) => isReached(row) === false).map(({ name }) => `  ${node}  ${name}`));
  console.log(missed.length === 0 ? '\nAll bars are reached.' : `\nMissed bars:\n${missed.join('\n')}`);
  for (const run of kept) console.log(`Kept: ${keepRun(directory, run)}`);
}

const progress = createProgress();
try {
  const options = parse(process.argv.slice(2));
  if (options.help) console.log(HELP);
  else {
    await installIfNeeded(ROOT, progress);
    await buildIfNeeded(ROOT, progress);
    await measure(options, join(dataDirectory(process.env), 'bench'));
  }
  process.exit(0);
} catch (error) {
  console.error(error instanceof UserError ? error.message : error);
  process.exit(1);
}

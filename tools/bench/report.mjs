// What a run of the bench found: printed as it comes, kept as JSON, shown beside what an earlier run found.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const NAME_WIDTH = 70;
const VALUE_WIDTH = 24;

/** `0.82 (0.80–0.85)`: the median, the least and the most. */
export function show({ median, min, max }, digits = 2) {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}

/** Whether a figure is where it must be; undefined for one that has no bar. */
export function isReached({ median, atLeast, atMost }) {
  if (atLeast === undefined && atMost === undefined) return undefined;
  return (atLeast === undefined || median >= atLeast) && (atMost === undefined || median <= atMost);
}

/** One line of the report; `before` is the row of the same id in an earlier run. */
export function lineOf(row, before) {
  const reached = isReached(row);
  const mark = reached === undefined ? '' : reached ? 'reached' : 'MISSED';
  const bar = row.atLeast === undefined ? (row.atMost === undefined ? '' : `≤ ${row.atMost}`) : `≥ ${row.atLeast}`;
  const earlier = before === undefined ? '' : `before ${show(before, row.digits)}`;
  return `${mark.padEnd(9)}${row.name.padEnd(NAME_WIDTH)} ${show(row, row.digits).padEnd(VALUE_WIDTH)} ${bar.padEnd(8)} ${earlier}`.trimEnd();
}

/** The rows of one version of Node. */
export class Report {
  rows = [];
  #before;
  #write;

  /**
   * @param {Map<string, object>} before rows of earlier runs, by id
   * @param {(line: string) => void} write
   */
  constructor(before = new Map(), write = console.log) {
    this.#before = before;
    this.#write = write;
  }

  section(title) {
    this.#write(`\n${title}\n`);
  }

  /**
   * A figure, and what it has to reach.
   * @param {{id: string, name: string, value: {median: number, min: number, max: number, n: number}, digits?: number, atLeast?: number, atMost?: number}} row
   *   `id` is `group.figure` and stays the same from run to run; `value` comes from `spread` or `single`
   */
  row({ value, digits = 2, ...row }) {
    const made = { ...row, ...value, digits };
    this.rows.push(made);
    this.#write(lineOf(made, this.#before.get(made.id)));
  }

  /** A figure without a bar, which helps to read the others. */
  note({ id, name, value, digits }) {
    this.row({ id, name, value, digits });
  }
}

/** The rows of the newest runs under this version of Node, by id: of several runs the newest that has the row. */
export function readEarlier(directory, nodeMajor) {
  const rows = new Map();
  for (const file of runFiles(directory)) {
    const run = JSON.parse(readFileSync(join(directory, file), 'utf8'));
    if (run.node_major === nodeMajor) for (const row of run.rows) rows.set(row.id, row);
  }
  return rows;
}

/** @returns {string[]} oldest first */
function runFiles(directory) {
  try {
    return readdirSync(directory).filter((file) => file.endsWith('.json')).sort();
  } catch {
    return []; // nothing measured yet
  }
}

/** @returns {string} the file's path */
export function keepRun(directory, run) {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${run.at.replace(/[:.]/g, '-')}-node${run.node_major}.json`);
  writeFileSync(path, `${JSON.stringify(run, null, 2)}\n`);
  return path;
}

/** Rows of two versions of Node beside each other. */
export function besideEachOther(runs) {
  const [first, ...others] = runs;
  const head = `${''.padEnd(NAME_WIDTH)} ${runs.map(({ node }) => node.padEnd(VALUE_WIDTH)).join(' ')}`.trimEnd();
  const lines = first.rows.map((row) => {
    const values = [row, ...others.map(({ rows }) => rows.find(({ id }) => id === row.id))];
    return `${row.name.padEnd(NAME_WIDTH)} ${values.map((value) => (value ? show(value, row.digits) : '–').padEnd(VALUE_WIDTH)).join(' ')}`.trimEnd();
  });
  return [head, ...lines].join('\n');
}

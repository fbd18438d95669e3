// What a bench run prints and keeps.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { interleaved, spread } from './measure.mjs';
import { besideEachOther, isReached, keepRun, lineOf, readEarlier, Report } from './report.mjs';

const ROW = { id: 'a.rate', name: 'rate ÷ bare', median: 1.25, min: 1, max: 2, n: 3, digits: 2 };

describe('a row', () => {
  it('is reached at its bar, missed beyond it, neither without one', () => {
    assert.deepEqual([isReached({ ...ROW, atLeast: 1.25 }), isReached({ ...ROW, atLeast: 1.3 }), isReached({ ...ROW, atMost: 1.25 }), isReached({ ...ROW, atMost: 1.2 }), isReached(ROW)], [true, false, true, false, undefined]);
  });

  it('says what it has to reach, and what it was before', () => {
    assert.match(lineOf({ ...ROW, atLeast: 1.3 }, { ...ROW, median: 1.1 }), /^MISSED {3}rate ÷ bare +1\.25 \(1\.00–2\.00\) +≥ 1\.3 +before 1\.10 \(1\.00–2\.00\)$/);
    assert.match(lineOf(ROW), /^ +rate ÷ bare +1\.25 \(1\.00–2\.00\)$/);
  });

  it('is the median, the least and the most of pairs that are taken in turn', async () => {
    const order = [];
    const side = (name, value) => async () => (order.push(name), value);
    const pairs = await interleaved(3, side('product', 6), side('baseline', 3));
    assert.deepEqual(order, ['product', 'baseline', 'baseline', 'product', 'product', 'baseline']);
    assert.deepEqual(spread(pairs, ({ product, baseline }) => product / baseline), { median: 2, min: 2, max: 2, n: 3 });
  });
});

describe('a run', () => {
  it('is kept, and the next one of the same Node reads the newest of each row', () => {
    const directory = mkdtempSync(join(tmpdir(), 'bench-'));
    try {
      const run = (at, nodeMajor, rows) => keepRun(directory, { at, node_major: nodeMajor, rows });
      assert.equal(readEarlier(join(directory, 'none'), 20).size, 0);
      run('2026-01-01T00:00:00.000Z', 20, [ROW, { ...ROW, id: 'b.cpu' }]);
      run('2026-01-02T00:00:00.000Z', 20, [{ ...ROW, median: 3 }]);
      run('2026-01-03T00:00:00.000Z', 24, [{ ...ROW, median: 9 }]);
      const earlier = readEarlier(directory, 20);
      assert.deepEqual([earlier.get('a.rate').median, earlier.get('b.cpu').median], [3, 1.25]);
      const lines = [];
      const report = new Report(earlier, (line) => lines.push(line));
      report.row({ id: 'a.rate', name: 'rate', value: { median: 4, min: 4, max: 4, n: 1 }, atLeast: 1 });
      assert.match(lines[0], /^reached .* before 3\.00/);
      assert.deepEqual(report.rows, [{ id: 'a.rate', name: 'rate', median: 4, min: 4, max: 4, n: 1, digits: 2, atLeast: 1 }]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('stands beside the same run under another Node', () => {
    const text = besideEachOther([{ node: 'v20.1.0', rows: [ROW, { ...ROW, id: 'b' }] }, { node: 'v24.1.0', rows: [{ ...ROW, median: 0.5 }] }]);
    const [head, first, second] = text.split('\n');
    assert.match(head, /v20\.1\.0 +v24\.1\.0$/);
    assert.match(first, /1\.25 \(.*0\.50 \(/);
    assert.match(second, /–$/);
  });
});

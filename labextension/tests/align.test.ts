import assert from 'node:assert/strict';
import { test } from 'node:test';
import { align, Series, smooth } from '../src/charts/align';

const curve = (x: number[], y: (number | null)[], label = 'a'): Series => ({ label, x, y });

test('curves with other steps stand on one row, with gaps where they have breaks and not where they have no point', () => {
  const [xs, a, b] = align([curve([1, 3, 5], [10, null, 50]), curve([2, 3], [2, 3], 'b')], 1, 5, 100);
  assert.deepEqual(xs, [1, 2, 3, 5]);
  assert.deepEqual(a, [10, undefined, null, 50]);
  assert.deepEqual(b, [undefined, 2, 3, undefined]);
});

test('of a step that was logged twice the later value counts', () => {
  const [xs, a] = align([curve([1, 1, 2], [5, 6, 7])], 1, 2, 100);
  assert.deepEqual([xs, a], [[1, 2], [6, 7]]);
});

test('of many points the lowest and the highest of each column are drawn', () => {
  const n = 100_000;
  const x = Array.from({ length: n }, (_, i) => i);
  const y = x.map(i => Math.sin(i / 1000));
  y[31_415] = 9;
  y[62_830] = -9;
  const [xs, row] = align([curve(x, y)], 0, n - 1, 500);
  assert.ok(xs.length <= 1002);
  assert.equal(Math.max(...row.map(value => value ?? -Infinity)), 9);
  assert.equal(Math.min(...row.map(value => value ?? Infinity)), -9);
  assert.ok(xs.every((value, i) => i === 0 || value >= xs[i - 1]));
  assert.deepEqual([xs[0], xs[xs.length - 1]], [0, n - 1]);
});

test('zoomed in, the columns are those in sight, and lines lead out of them', () => {
  const x = Array.from({ length: 100_000 }, (_, i) => i);
  const [xs, row] = align([curve(x, x)], 100, 110, 50);
  assert.equal(row[0], 99);
  assert.equal(row[row.length - 1], 111);
  assert.deepEqual([xs[0], xs[xs.length - 1]], [0, 99_999]);
  assert.deepEqual(row.slice(1, -1).filter(value => value !== undefined && value !== null).filter((v, i, all) => v !== all[i - 1]), [
    100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110
  ]);
});

test('a hundred curves of ten thousand points each become as few values as the screen has room for', () => {
  const series = Array.from({ length: 100 }, (_, run) => {
    const x = Float64Array.from({ length: 10_000 }, (_, i) => i + run / 100);
    return { label: `run ${run}`, x, y: x.map(Math.sin) as unknown as number[] };
  });
  const [xs, ...rows] = align(series, 0, 10_001, 800);
  assert.equal(xs.length, 1602);
  assert.ok(rows.length === 100 && rows.every(row => row.length === xs.length));
});

test('smoothing leaves a constant as it is, gaps as gaps, and begins at the first value', () => {
  assert.deepEqual(Array.from(smooth([2, 2, 2], 0.9)).map(value => Number(value?.toFixed(9))), [2, 2, 2]);
  const smoothed = smooth([1, null, 3], 0.5);
  assert.equal(smoothed[0], 1);
  assert.equal(smoothed[1], null);
  assert.ok((smoothed[2] as number) > 2 && (smoothed[2] as number) < 3);
  const same = [1, 2];
  assert.equal(smooth(same, 0), same);
});

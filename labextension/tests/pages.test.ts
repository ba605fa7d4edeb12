import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstRows } from '../src/pages/csv';
import { points } from '../src/charts/points';
import * as format from '../src/look/format';
import { curvePath } from '../src/runview/sparkline';

test('a table has quoted cells, empty cells and at most so many rows', () => {
  assert.deepEqual(firstRows('a,b\r\n"x, ""y""\nz",\n1,2\n', ',', 10), [
    ['a', 'b'],
    ['x, "y"\nz', ''],
    ['1', '2']
  ]);
  assert.deepEqual(firstRows('a\tb\nc', '\t', 1), [['a', 'b']]);
  assert.deepEqual(firstRows('', ',', 5), []);
  assert.deepEqual(firstRows('"never closed', ',', 5), []);
});

const metric = { value: [3, 1, 2], time: [0, 1, 2], step: [10, 30, 20], epoch: [0, null, 1], count: 3 };

test('a metric stands over steps in their order, over time, and over the epochs that were said', () => {
  assert.deepEqual(points(metric, 'step'), { x: [10, 20, 30], y: [3, 2, 1] });
  assert.deepEqual(points(metric, 'time'), { x: [0, 1, 2], y: [3, 1, 2] });
  assert.deepEqual(points(metric, 'epoch'), { x: [0, 1], y: [3, 2] });
});

test('without steps values are counted, also where not all were sent', () => {
  assert.deepEqual(points({ ...metric, step: null, count: 101 }, 'step').x, [0, 50, 100]);
  assert.deepEqual(points({ ...metric, step: [0, 0, 0], count: 3 }, 'step').x, [0, 1, 2]);
});

test('a change is a share with its sign', () => {
  assert.deepEqual([0.0084, -0.25, 0, 0.0004].map(format.change), ['+0.8 %', '−25 %', '±0.00 %', '+0.04 %']);
});

test('files have sizes', () => {
  assert.deepEqual([0, 999, 3100, 2e6].map(format.bytes), ['0 B', '999 B', '3.0 KB', '2 MB']);
});

test('a ghost and its run have one scale, and each the width that it has come', () => {
  assert.equal(curvePath([0, 1], [0, 2], 0.5), 'M1.5 12.5L28.0 7.0');
});

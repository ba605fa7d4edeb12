import assert from 'node:assert/strict';
import { test } from 'node:test';
import { align } from '../src/charts/align';
import { breakOf } from '../src/charts/breaks';
import { describeSeries } from '../src/charts/describe';
import { points } from '../src/charts/points';
import * as format from '../src/look/format';
import { english } from '../src/look/words';
import { Curve } from '../src/server/curve';
import { News } from '../src/server/news';
import type { Measured, Run } from '../src/server/types';

const measured = (value: Measured[]) => ({ value, time: value.map((_, i) => i), step: null, epoch: null, count: value.length });

test('a curve breaks where it first is no finite number, and the mark stands at the value before', () => {
  const curve = { label: 'loss', ...points(measured([0.5, 0.95, 'NaN', 0.7, 'Infinity']), 'step') };
  assert.deepEqual(breakOf(curve), { x: 2, y: 0.95, word: 'NaN' });
  assert.deepEqual(align([curve], 0, 4, 100)[1], [0.5, 0.95, null, 0.7, null]);
  assert.equal(describeSeries(curve, english), 'loss: from 0.500 to 0.700, lowest 0.500, highest 0.950. NaN from 2 on.');
});

test('a curve that never was finite is marked, a gap is not', () => {
  assert.deepEqual(breakOf({ label: 'a', ...points(measured(['-Infinity', 1]), 'time') }), { x: 0, y: null, word: '-Infinity' });
  assert.equal(breakOf({ label: 'a', x: [0, 1], y: [1, null] }), null);
});

test('values that are no numbers are written as the server says them', () => {
  assert.deepEqual((['NaN', '-Infinity', 0.25] as Measured[]).map(format.value), ['NaN', '-Infinity', '0.250']);
});

test('the head of a run shows the value that its log told last', () => {
  const news = new News();
  news.take([{ kind: 'metric', values: { acc: 0.95 } }, { kind: 'metric', values: { acc: 'NaN' } }]);
  const run = { metrics: { acc: { last: 0.95, min: 0.5, max: 0.95 } } } as unknown as Run;
  assert.equal(news.addTo(run).metrics.acc.last, 'NaN');
  assert.deepEqual(news.facts.curves.acc, [0.95, 'NaN']);
  assert.deepEqual(new Curve().after({ every: 1, values: ['NaN', 1], seen: 2 }).points, ['NaN', 1]);
});

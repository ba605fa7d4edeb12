/** Summaries from notebooks, honest and not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asRun } from '../src/runview/saved';
import { stateSentence } from '../src/look/sentences';
import { english } from '../src/look/words';

test('a summary is a run, whatever an older gpurun left out', () => {
  const run = asRun('k3f9x2ab', { state: 'finished', outcome: 'succeeded', name: 'digits', metrics: { acc: { last: 0.9 }, loss: { last: 'NaN' }, x: { last: 'x' } } });
  assert.equal(run?.name, 'digits');
  assert.equal(stateSentence(run!, 0, english), 'succeeded');
  assert.deepEqual(run?.metrics, { acc: { last: 0.9 }, loss: { last: 'NaN' } });
});

test('what is no summary is none, and what is wrong in one is left out', () => {
  for (const wrong of [null, 'text', 3, [], {}]) {
    assert.equal(asRun('a', wrong), null);
  }
  const run = asRun('a', { id: 'b', state: 'running', metrics: { x: null, y: 'z' }, progress: { bars: [null] }, devices: 1 });
  assert.equal(run?.id, 'a');
  assert.deepEqual([run?.metrics, run?.progress?.bars, run?.devices], [{}, [], []]);
});

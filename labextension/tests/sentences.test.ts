/** The sentences that people read, for each state. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineCount, stateSentence, usageWords } from '../src/look/sentences';
import { curvePath } from '../src/runview/sparkline';
import type { Run, Sample } from '../src/server/types';
import { english } from '../src/look/words';

const BASE: Run = {
  id: 'k3f9x2ab',
  name: 'digits',
  project: 'default',
  owner: 'anna',
  kind: 'cell',
  state: 'queued',
  outcome: null,
  reason: null,
  message: '',
  tags: [],
  gpu: 1,
  attempt: 1,
  agent: null,
  devices: [],
  created_at: 0,
  queued_at: 0,
  started_at: null,
  finished_at: null,
  progress: null,
  metrics: {},
  waiting: null,
  revision: 1
};

function said(run: Partial<Run>): string {
  return stateSentence({ ...BASE, ...run }, 102, english);
}

const PLACED: Partial<Run> = { agent: 'lab-a100', devices: ['gpu1'], started_at: 0 };
const OVER: Partial<Run> = { ...PLACED, state: 'finished', finished_at: 48 };

test('a queued run says its place and why it waits', () => {
  assert.equal(said({}), 'queued');
  assert.equal(said({ waiting: { position: 1, why: 'waits for 1 GPU' } }), 'queued, next · waits for 1 GPU');
  assert.equal(said({ waiting: { position: 3, why: 'waits' } }), 'queued, place 3 · waits');
});

test('a queued run says until when, where that is known', () => {
  const waiting = { position: 1, why: 'waits', starts_in_s: 240 };
  assert.equal(said({ waiting }), 'queued, next · waits · starts in about 4 min');
});

test('what a run uses is said with as much as is known', () => {
  const words = (sample: Sample) => usageWords(sample, english).text;
  const gb = 2 ** 30;
  assert.equal(words({ devices: [{ id: 'x', util: 87, mem: 31 * gb, total: 40 * gb }], rss: 1.2 * gb }), 'GPU 87 % 31/40 GB · memory 1.2 GB');
  assert.equal(words({ devices: [{ id: 'x', mem: 2 * gb }] }), 'GPU 2.0 GB');
  assert.equal(words({ devices: [{ id: 'x', label: 'gpu0', util: 1 }, { id: 'y', label: 'gpu1', util: 2 }] }), 'gpu0 1 % · gpu1 2 %');
  assert.equal(words({ rss: 5 * 2 ** 20 }), '');
});

test('lines are counted as surely as it is known', () => {
  assert.equal(lineCount(1, 'exact', english), '1 line');
  assert.equal(lineCount(1000000, 'exact', english), '1,000,000 lines');
  assert.equal(lineCount(5000, 'atLeast', english), '≥ 5,000 lines');
  assert.equal(lineCount(5000, 'about', english), 'about 5,000 lines');
});

test('a curve is drawn over its whole width, with gaps', () => {
  assert.equal(curvePath([1]), '');
  assert.equal(curvePath([0, 1]), 'M1.5 12.5L54.5 1.5');
  assert.equal(curvePath([5, 5]), 'M1.5 7.0L54.5 7.0');
  assert.match(curvePath([0, 1, NaN, 1]), /^M[\d. ]+L[\d. ]+M[\d. ]+$/);
});

test('a running run says where, how long, and how long still', () => {
  assert.equal(said({ ...PLACED, state: 'running' }), 'running on lab-a100:gpu1 · 1:42');
  assert.equal(
    said({ ...PLACED, state: 'running', progress: { left_s: 190 } }),
    'running on lab-a100:gpu1 · 1:42 · about 3:10 left'
  );
});

test('a finished run says how it ended', () => {
  assert.equal(said({ ...OVER, outcome: 'succeeded' }), 'succeeded in 0:48 on lab-a100:gpu1');
  assert.equal(said({ ...OVER, outcome: 'failed', message: 'CUDA out of memory' }), 'failed after 0:48: CUDA out of memory');
  assert.equal(said({ ...OVER, outcome: 'timed_out' }), 'timed out after 0:48');
  assert.equal(said({ state: 'finished', outcome: 'cancelled' }), 'cancelled before it started');
});

test('a run on another machine says how far what is shown is behind', () => {
  const running: Partial<Run> = { ...PLACED, state: 'running' };
  const behind = 'behind by 0:12, output continues on the machine';
  assert.equal(said({ ...running, behind_s: 12, sync: 'behind' }), `running on lab-a100:gpu1 · 1:42 · ${behind}`);
  assert.equal(said({ ...running, behind_s: 12, sync: 'syncing' }), 'running on lab-a100:gpu1 · 1:42 · syncing, behind by 0:12');
  assert.match(said({ ...running, behind_s: 3600, sync: 'behind' }), /behind by 60 min,/);
  assert.equal(said({ ...running, behind_s: 0, sync: 'synced' }), 'running on lab-a100:gpu1 · 1:42');
});

test('a run that is only logged is at no place, and says that nothing was heard of it', () => {
  const logged: Partial<Run> = { kind: 'logged', agent: 'logged', state: 'running', started_at: 0 };
  assert.equal(said(logged), 'running · 1:42');
  const silent = 'Not heard of since 2026-11-29 13:05.';
  assert.equal(said({ ...logged, message: silent }), `running · 1:42 · ${silent}`);
  assert.equal(said({ ...logged, state: 'finished', outcome: 'succeeded', finished_at: 48 }), 'succeeded in 0:48');
});

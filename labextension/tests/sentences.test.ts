/** The sentences that people read, for each state. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stateSentence } from '../src/sentences';
import type { Run } from '../src/types';
import { english } from '../src/words';

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

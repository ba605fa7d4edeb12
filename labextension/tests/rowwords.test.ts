/** What the sidebar's rows and the notices say of a run. */
import assert from 'node:assert';
import { test } from 'node:test';
import { english } from '../src/look/words';
import type { Run } from '../src/server/types';
import { detailWords, noticeWords, timeWords } from '../src/sidebar/rowwords';

const RUN = {
  id: 'k3f9x2ab',
  name: 'digits-cnn',
  owner: 'anna',
  state: 'finished',
  outcome: 'succeeded',
  reason: 'completed',
  message: '',
  agent: 'lab',
  devices: ['gpu0'],
  created_at: 0,
  started_at: 100,
  finished_at: 391,
  progress: null,
  metrics: { acc: { last: 0.962, min: 0, max: 1 } },
  waiting: null
} as unknown as Run;

const detail = (changes: object) => detailWords({ ...RUN, ...changes } as Run, english);
const time = (changes: object) => timeWords({ ...RUN, ...changes } as Run, 391, english);
const notice = (changes: object) => noticeWords({ ...RUN, ...changes } as Run, english);

test('a run that is over says what came of it', () => {
  assert.equal(detail({}), 'acc 0.962');
  assert.equal(detail({ metrics: {} }), 'took 4:51');
  assert.equal(detail({ outcome: 'failed', reason: 'cuda_oom', message: 'The GPU had no memory left.' }), 'OOM on the GPU · acc 0.962');
  assert.equal(detail({ outcome: 'failed', reason: 'exception', message: 'ValueError: bad', metrics: {} }), 'ValueError: bad');
  assert.equal(detail({ outcome: 'cancelled', reason: 'cancelled_by', metrics: {} }), 'cancelled');
});

test('a run that waits says for what and until when', () => {
  const queued = { state: 'queued', outcome: null, finished_at: null, started_at: null };
  assert.equal(detail({ ...queued, waiting: { position: 2, why: 'waits for 1 GPU' } }), 'waits for 1 GPU');
  assert.equal(time({ ...queued, waiting: { position: 2, why: '' } }), 'place 2');
  assert.equal(time({ ...queued, waiting: { position: 2, why: '', starts_in_s: 240 } }), '~ 4 min');
  assert.equal(detail({ ...queued, state: 'created' }), 'on hold');
});

test('a run at work says how long still', () => {
  const running = { state: 'running', outcome: null, finished_at: null };
  assert.equal(time({ ...running, progress: { left_s: 190 } }), '3:10 left');
  assert.equal(time(running), '');
  assert.equal(time({ ...running, progress: { left_s: 190 }, behind_s: 12, sync: 'behind' }), 'behind by 0:12');
  assert.equal(detail(running), 'on lab:gpu0');
});

test('a run that is only logged says what was logged, or that nothing was', () => {
  const logged = { kind: 'logged', state: 'running', outcome: null, finished_at: null };
  assert.equal(detail(logged), 'running · acc 0.962');
  assert.equal(detail({ ...logged, message: 'Not heard of since 2026-11-29 13:05.' }), 'Not heard of since 2026-11-29 13:05.');
});

test('a notice is one sentence of at most 140 letters', () => {
  assert.equal(notice({}), 'digits-cnn succeeded in 4:51 · acc 0.962');
  assert.equal(notice({ outcome: 'failed', reason: 'cuda_oom', metrics: {} }), 'digits-cnn failed after 4:51 · OOM on the GPU');
  assert.equal(notice({ outcome: 'cancelled', started_at: null, metrics: {} }), 'digits-cnn cancelled');
  const long = notice({ outcome: 'failed', reason: 'exception', message: 'x'.repeat(300) });
  assert.equal(long.length, 140);
  assert.ok(long.endsWith('…'));
});

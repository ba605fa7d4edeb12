import assert from 'node:assert';
import { test } from 'node:test';
import type { Attempt } from '../src/overview/answers';
import { axisOf, lanesOf, placeOn, ticksOf } from '../src/overview/lanes';
import type { Agent, Run } from '../src/server/types';

const agent = { id: 'm', host: 'machine', devices: [{ id: 'g0', kind: 'gpu', index: 0 }, { id: 'c0', kind: 'cpu', index: 0 }] } as Agent;

function attempt(id: string, start: number, end: number | null, devices = ['gpu0'], on = 'm'): Attempt {
  return { run_id: id, name: id, project: 'p', owner: 'me', attempt: 1, agent: on, devices, start, end, state: 'finished', outcome: null };
}

function lanes(attempts: Attempt[], live: Run[] = []) {
  const axis = axisOf(0, 900);
  const timeline = { after: 0, before: 900, attempts, use: [], complete: true };
  return { axis, lanes: lanesOf(timeline, [agent], id => live.find(run => run.id === id), axis, 900) };
}

test('the axis ends a little after now', () => {
  const axis = axisOf(0, 900);
  assert.equal(axis.before, 1000);
  assert.equal(placeOn(axis, 900), 0.9);
  assert.equal(placeOn(axis, -50), 0);
});

test('every device has a lane, and those that are gone have one where they were used', () => {
  const found = lanes([attempt('a', 100, 200), attempt('b', 300, 400, ['gpu3'], 'gone')]).lanes;
  assert.deepEqual(found.map(lane => `${lane.agent}:${lane.device}`), ['m:gpu0', 'm:cpu0', 'gone:gpu3']);
  assert.deepEqual(found.map(lane => lane.rows.length), [1, 0, 1]);
});

test('runs that share a GPU lie in rows above each other, those after each other in one', () => {
  const [gpu] = lanes([attempt('c', 250, 300), attempt('b', 150, 260), attempt('a', 100, 200)]).lanes;
  assert.deepEqual(gpu.rows.map(row => row.map(bar => bar.attempt.run_id)), [['a', 'c'], ['b']]);
});

test('a run at work goes on to where it is expected to end', () => {
  const live = { id: 'a', progress: { left_s: 50 } } as Run;
  const [bar] = lanes([attempt('a', 500, null)], [live]).lanes[0].rows[0];
  assert.deepEqual([bar.left, bar.right, bar.expected], [0.5, 0.9, 0.95]);
});

test('ticks are round times, and few', () => {
  const week = ticksOf(axisOf(1_700_000_000, 1_700_000_000 + 7 * 86400));
  assert.ok(week.length >= 6 && week.length <= 8, String(week.length));
  const hour = ticksOf(axisOf(1_700_000_000, 1_700_003_600));
  assert.ok(hour.length >= 5 && hour.every(time => time % 300 === 0));
});

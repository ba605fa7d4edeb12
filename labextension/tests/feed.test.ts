/** What a page knows of a run: a log that is shown from its end on, displays that the cell shows itself, curves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Curve } from '../src/server/curve';
import { RunFeed } from '../src/server/feed';
import type { LineTail } from '../src/terminal/lines';
import type { Event, Frame } from '../src/server/types';

function lines(tail: LineTail): string[] {
  return Array.from({ length: tail.length }, (_, i) => tail.line(i).map(span => span.text).join(''));
}

function printed(text: string): Event {
  return { kind: 'output', stream: 'stdout', text };
}

function events(...list: Event[]): Frame {
  return { type: 'events', run: 'a', cursor: '1:99', events: list };
}

test('a feed asks for the last lines, then from its cursor on', () => {
  const feed = new RunFeed('a');
  assert.equal(feed.resume(), 'tail:5000');
  feed.take(events(printed('x\n')));
  assert.equal(feed.resume(), '1:99');
  assert.equal(feed.tail.total, 1);
  assert.equal(feed.tail.sureness, 'exact');
});

test('how many lines there are is said as surely as it is known', () => {
  const feed = new RunFeed('a');
  feed.take({ type: 'before', run: 'a', cursor: '1:7' });
  feed.take(events(printed('x\n')));
  assert.equal(feed.tail.sureness, 'atLeast');
  feed.take({ type: 'before', run: 'a', cursor: '1:7', lines: 999, exact: true, shown: 0, shown_lines: 0 });
  assert.deepEqual([feed.tail.total, feed.tail.sureness], [1000, 'exact']);
});

test('a connection that breaks before the count came begins again, and nothing is there twice', () => {
  const feed = new RunFeed('a');
  feed.take({ type: 'before', run: 'a', cursor: '1:7' });
  feed.take(events(printed('x\n')));
  assert.equal(feed.resume(), 'tail:5000');
  feed.take(events(printed('x\ny\n')));
  assert.deepEqual(lines(feed.tail), ['x', 'y']);
});

test('what the cell shows itself is kept apart once there is any', () => {
  const feed = new RunFeed('a');
  feed.take(events(printed('a\n')));
  assert.equal(feed.printed, feed.tail);
  feed.take(events({ kind: 'result', data: { 'text/plain': '42' } }, printed('b\n')));
  assert.deepEqual(lines(feed.printed), ['a', 'b']);
  assert.deepEqual(lines(feed.tail), ['a', '42', 'b']);
  assert.equal(feed.shown, 1);
});

test('curves, samples and checkpoints are facts', () => {
  const feed = new RunFeed('a');
  feed.take(events({ kind: 'metric', values: { loss: 2 } }, { kind: 'checkpoint', path: 'm.pt', step: 3 }));
  feed.take({ type: 'before', run: 'a', cursor: '1:7', lines: 0, curves: { loss: { every: 1, seen: 1, values: [1] } } });
  feed.take(events({ kind: 'sample', rss: 5 }));
  assert.deepEqual(feed.facts.curves.loss, [1, 2]);
  assert.equal(feed.facts.checkpoint?.path, 'm.pt');
  assert.equal(feed.facts.sample?.rss, 5);
});

test('a long curve stays short and keeps its ends', () => {
  const curve = new Curve();
  for (let i = 0; i <= 10000; i++) {
    curve.add(i);
  }
  const points = curve.points;
  assert.ok(points.length < 210);
  assert.equal(points[0], 0);
  assert.equal(points[points.length - 1], 10000);
});

/** Events become the text that a terminal would have shown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutputText } from '../src/server/output';

test('output, results and tracebacks are text; progress and metrics are not', () => {
  const text = new OutputText().of([
    { kind: 'start', attempt: 1 },
    { kind: 'output', stream: 'stdout', text: 'a\n' },
    { kind: 'metric' },
    { kind: 'result', data: { 'text/plain': '42', 'text/html': '<b>42</b>' } },
    { kind: 'error', name: 'ValueError', value: 'no', traceback: ['Traceback', 'ValueError: no'] }
  ]);
  assert.equal(text, 'a\n42\nTraceback\nValueError: no\x1b[0m\n');
});

test('a clear that waits clears at the next output', () => {
  const output = new OutputText();
  assert.equal(output.of([{ kind: 'clear' }]), '\x1b[2J');
  assert.equal(output.of([{ kind: 'clear', wait: true }, { kind: 'progress' }]), '');
  assert.equal(output.of([{ kind: 'output', stream: 'stdout', text: 'b' }]), '\x1b[2Jb');
});

test('an updated display prints nothing, a second attempt says so', () => {
  const output = new OutputText();
  assert.equal(output.of([{ kind: 'display', data: { 'text/plain': 'x' }, update: true }]), '');
  assert.match(output.of([{ kind: 'start', attempt: 2 }]), /attempt 2/);
});

test('a display says its text once, a bar when it has ended', () => {
  const output = new OutputText();
  const state = (text: string | null, update: boolean) => ({
    kind: 'display' as const,
    data: { 'text/html': 'x', ...(text === null ? {} : { 'text/plain': text }) },
    display_id: 'd',
    update
  });
  assert.equal(output.of([state(null, false), state(null, true), state('3/3', true), state('3/3, too', true)]), '3/3\n');
  assert.equal(output.copy(false).of([state('again', true)]), '');
  assert.equal(output.of([state('another', false)]), 'another\n');
  assert.equal(new OutputText(true).of([state(null, false), state('3/3', true)]), '');
});

test('what the cell shows itself can be left out', () => {
  const text = new OutputText(true).of([
    { kind: 'output', stream: 'stdout', text: 'a\n' },
    { kind: 'display', data: { 'text/plain': '<Figure>' } },
    { kind: 'result', data: { 'text/plain': '42' } },
    { kind: 'error', name: 'ValueError', value: 'no', traceback: [] }
  ]);
  assert.equal(text, 'a\n');
});

/** What a terminal would show, checked on the cases that programs really print. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineTail } from '../src/terminal/lines';

function shown(...chunks: string[]): string[] {
  const tail = new LineTail();
  chunks.forEach(chunk => tail.feed(chunk));
  return lines(tail);
}

function lines(tail: LineTail): string[] {
  return Array.from({ length: tail.length }, (_, i) => tail.line(i).map(span => span.text).join(''));
}

test('lines come apart at newlines, wherever chunks are cut', () => {
  assert.deepEqual(shown('one\ntw', 'o\n\nthree'), ['one', 'two', '', 'three']);
});

test('a carriage return types over the line and leaves what is longer', () => {
  assert.deepEqual(shown('abc\rX'), ['Xbc']);
  assert.deepEqual(shown(' 10%\r', ' 20%\r', '100%\ndone'), ['100%', 'done']);
  assert.deepEqual(shown('long line\r\x1b[Kok'), ['ok']);
});

test('a backspace steps back', () => {
  assert.deepEqual(shown('ab\b\bcd\be'), ['ce']);
});

test('windows line ends are line ends', () => {
  assert.deepEqual(shown('a\r\nb\r\n'), ['a', 'b']);
});

test('nested tqdm bars redraw two lines', () => {
  const inner = (n: number) => `\n\rinner ${n}\x1b[A`;
  assert.deepEqual(shown('\router 0', inner(1), inner(2), '\router 1', inner(3), '\n\n'), ['outer 1', 'inner 3']);
});

test('a live display goes up, erases and draws again', () => {
  assert.deepEqual(shown('a\nb\n', '\x1b[2A\x1b[2Kc\n\x1b[2Kd\n'), ['c', 'd']);
  assert.deepEqual(shown('a\nb\nc\n', '\x1b[2A\x1b[Jz'), ['a', 'z']);
});

test('clearing the screen begins again', () => {
  assert.deepEqual(shown('a\nb\n\x1b[H\x1b[2Jc'), ['c']);
});

test('colours are kept over lines and chunks, other sequences vanish', () => {
  const tail = new LineTail();
  tail.feed('\x1b[1;3');
  tail.feed('1mred\nstill\x1b[0m plain\x1b[?25l\x1b]0;title\x07!');
  assert.deepEqual(tail.line(0), [{ text: 'red', style: { bold: true, fg: '1' } }]);
  assert.deepEqual(lines(tail), ['red', 'still plain!']);
  assert.equal(tail.line(1)[0].style.fg, '1');
  assert.equal(tail.line(1)[1].style.fg, undefined);
});

test('256 and 24-bit colours', () => {
  const tail = new LineTail();
  tail.feed('\x1b[38;5;9ma\x1b[38;5;196mb\x1b[48;2;1;2;3mc');
  const [a, b, c] = tail.line(0).map(span => span.style);
  assert.equal(a.fg, '9');
  assert.equal(b.fg, 'rgb(255, 0, 0)');
  assert.equal(c.bg, 'rgb(1, 2, 3)');
});

test('colours with colons, with and without a colour space, and what is no colour', () => {
  const tail = new LineTail();
  tail.feed('\x1b[38:2::9:8:7;48:2:1:2:3ma\x1b[0;38:5:196mb\x1b[0;4:3mc\x1b[4:0md');
  const styles = tail.line(0).map(span => span.style);
  assert.deepEqual(styles[0], { fg: 'rgb(9, 8, 7)', bg: 'rgb(1, 2, 3)' });
  assert.deepEqual(styles[1], { fg: 'rgb(255, 0, 0)' });
  assert.deepEqual(styles[2], { underline: true });
  assert.deepEqual(styles[3], { underline: undefined });
});

test('only the last lines are kept, all are counted', () => {
  const tail = new LineTail(3);
  tail.feed(Array.from({ length: 10 }, (_, i) => `line ${i}\n`).join(''));
  assert.equal(tail.total, 10);
  assert.deepEqual(lines(tail), ['line 8', 'line 9']);
});

test('replacing shows the end of a longer output', () => {
  const tail = new LineTail();
  tail.feed('old\n');
  tail.replace('x\ny\n', 40);
  assert.equal(tail.total, 40);
  assert.deepEqual(lines(tail), ['x', 'y']);
});

test('a bar that is redrawn for hours stays one short line', () => {
  const tail = new LineTail();
  for (let i = 0; i < 10000; i++) {
    tail.feed(`\rstep ${i} of 10000`);
  }
  assert.deepEqual(lines(tail), ['step 9999 of 10000']);
});

test('what came before is counted, until the screen is cleared', () => {
  const tail = new LineTail();
  tail.feed('a\n');
  tail.setBefore(10, true);
  assert.equal(tail.total, 11);
  tail.feed('\x1b[2Jb\n');
  assert.equal(tail.total, 1);
  tail.setBefore(10, true);
  assert.equal(tail.total, 1);
});

test('a copy goes its own way', () => {
  const tail = new LineTail();
  tail.feed('a\nb');
  const copy = tail.copy();
  tail.feed('c\n');
  copy.feed('d\n');
  assert.deepEqual(lines(tail), ['a', 'bc']);
  assert.deepEqual(lines(copy), ['a', 'bd']);
});

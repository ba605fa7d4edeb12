/** A run's transcript: text and displays in order, updated in place, cleared, cut at the front and put together again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../src/server/types';
import type { Shown } from '../src/transcript/parts';
import { MOST_SHOWN, Transcript } from '../src/transcript/transcript';

function printed(text: string): Event {
  return { kind: 'output', stream: 'stdout', text };
}

function figure(name: string, id: string | null = null, update = false): Event {
  return { kind: 'display', data: { 'text/plain': `<${name}>`, 'image/png': name }, display_id: id, update };
}

function made(...events: Event[]): Transcript {
  const transcript = new Transcript('1:0');
  transcript.take(events, '1:9');
  return transcript;
}

/** Each line of text, and of each display what it shows, as a person sees them. */
function seen(transcript: Transcript): string[] {
  return transcript.parts.flatMap(part => {
    if (part.kind === 'printed') {
      return Array.from({ length: part.tail.length }, (_, i) => part.tail.line(i).map(span => span.text).join(''));
    }
    return part.kind === 'shown' ? [`[${part.data['image/png'] ?? part.data['text/plain']}]`] : [`— ${part.cell?.number ?? part.attempt}`];
  });
}

test('figures stand between the lines around them, and count as the lines of their text', () => {
  const transcript = made(printed('a\n'), figure('1'), printed('b\nc'), figure('2'), printed('d\n'));
  assert.deepEqual(seen(transcript), ['a', '[1]', 'b', 'c', '[2]', 'd']);
  assert.equal(transcript.lines, 5); // a, <1>, b, c<2>, d
  assert.deepEqual(transcript.find('D'), [4]);
  assert.deepEqual(transcript.find('<2>'), [3]);
  assert.equal(transcript.at(4).row, 0);
  assert.equal(transcript.front, null);
});

test('what is nothing but text is text; what may be updated is not', () => {
  const value: Event = { kind: 'result', data: { 'text/plain': '42' } };
  const widget: Event = { kind: 'display', data: { 'text/plain': 'IntSlider()', 'application/vnd.jupyter.widget-view+json': {} } };
  const handle: Event = { kind: 'display', data: { 'text/plain': '1/9' }, display_id: 'x' };
  assert.deepEqual(seen(made(value, widget, handle)), ['42', 'IntSlider()', '[1/9]']);
  const error: Event = { kind: 'error', name: 'E', value: 'no', traceback: ['Traceback', 'E: no'] };
  assert.deepEqual(seen(made(error)), ['Traceback', 'E: no']);
});

test('an update takes the place of each display with its id, and no room of its own', () => {
  const transcript = made(figure('1', 'x'), printed('a\n'), figure('2', 'x'));
  transcript.take(Array.from({ length: 1000 }, (_, i) => figure(`new ${i}`, 'x', true)), '1:99');
  assert.deepEqual(seen(transcript), ['[new 999]', 'a', '[new 999]']);
  assert.equal(transcript.lines, 3);
});

test('nothing printed moves up into what stands above a figure', () => {
  assert.deepEqual(seen(made(printed('a\nb\n'), figure('1'), printed('c\n\x1b[9A\x1b[Jd\n'))), ['a', 'b', '[1]', 'd']);
});

test('what is cleared is gone: at once, or when something else comes', () => {
  assert.deepEqual(seen(made(printed('a\n'), figure('1'), { kind: 'clear' }, printed('b\n'))), ['b']);
  const waiting = made(figure('1'), { kind: 'clear', wait: true });
  assert.deepEqual(seen(waiting), ['[1]']);
  waiting.take([figure('2')], '1:99');
  assert.deepEqual(seen(waiting), ['[2]']);
});

test('a cell of a notebook clears its own output only', () => {
  const cell = (number: number): Event => ({ kind: 'cell', number, total: 2, code: 'x' });
  const transcript = made(cell(1), figure('1'), cell(2), printed('a\n'), figure('2'), { kind: 'clear' }, printed('b\n'));
  assert.deepEqual(seen(transcript), ['— 1', '[1]', '— 2', 'b']);
});

function isInLine(event: Event): boolean {
  return event.kind === 'output' && !event.text.endsWith('\n');
}

/** A log in which each event is at the place of its number; what `before` gives is what the server would. */
function pieces(log: readonly Event[], first: number): { transcript: Transcript; back: (count: number) => void } {
  const transcript = new Transcript(`1:${first}`);
  const back = (count: number) => {
    const front = transcript.front!;
    const end = Number(front.cursor.slice(2));
    let begin = end;
    for (let lines = 0; begin > 0 && (lines < count + front.newlines || isInLine(log[begin - 1])); ) {
      const event = log[--begin];
      lines += event.kind === 'output' ? event.text.split('\n').length - 1 : 0;
    }
    const earlier = new Transcript(`1:${begin}`);
    earlier.take(log.slice(begin, end), front.cursor);
    transcript.prepend(earlier, front);
  };
  return { transcript, back };
}

/** A log with lines that are cut anywhere, figures, and displays without a text. */
function log(count: number): Event[] {
  return Array.from({ length: count }, (_, i): Event => {
    if (i % 7 === 3) {
      return figure(`f${i}`);
    }
    return i % 11 === 5 ? { kind: 'display', data: { 'image/png': `p${i}` } } : printed(i % 5 ? `x${i}\n` : `a${i}\nb${i}\nc${i}`);
  });
}

test('what comes before is put in front without a seam, wherever it was cut', () => {
  const all = log(60);
  const whole = seen(made(...all));
  for (const first of all.keys()) {
    if (first && isInLine(all[first - 1])) {
      continue; // the server begins where a line does
    }
    const { transcript, back } = pieces(all, first);
    transcript.take(all.slice(first), '1:60');
    for (let n = 0; transcript.front && n < 100; n++) {
      back(4);
    }
    assert.deepEqual(seen(transcript), whole, `cut at ${first}`);
  }
});

test('lines that were dropped while it grew come back in their places', () => {
  const all = log(300);
  const { transcript, back } = pieces(all, 0);
  all.forEach((event, i) => {
    transcript.take([event], `1:${i + 1}`);
    transcript.trim(20);
  });
  assert.ok(transcript.lines >= 20 && transcript.lines < 40);
  while (transcript.front) {
    back(10);
  }
  assert.deepEqual(seen(transcript), seen(made(...all)));
});

test('a frame of many lines is cut, too, and what was cut comes back', () => {
  const many = (name: string) => printed(Array.from({ length: 100 }, (_, i) => `${name}${i}\n`).join(''));
  const all = [many('a'), figure('1'), many('b')];
  const { transcript, back } = pieces(all, 0);
  transcript.take(all, '1:3');
  transcript.trim(30);
  assert.equal(transcript.lines, 30);
  back(10);
  assert.deepEqual(seen(transcript).slice(0, 2), ['[1]', 'b0'].slice(transcript.front ? 1 : 0).concat(transcript.front ? ['b1'] : []));
  while (transcript.front) {
    back(10);
  }
  assert.deepEqual(seen(transcript), seen(made(...all)));
});

test('an update of a display that is no longer here holds when the display comes back', () => {
  const all = [figure('old', 'x'), printed('a\nb\nc\n'), figure('new', 'x', true)];
  const { transcript, back } = pieces(all, 1);
  transcript.take(all.slice(1), '1:3');
  assert.deepEqual(seen(transcript), ['a', 'b', 'c']);
  back(10);
  assert.deepEqual(seen(transcript), ['[new]', 'a', 'b', 'c']);
});

test('of very many displays the first are their texts', () => {
  const transcript = made(...Array.from({ length: MOST_SHOWN + 3 }, (_, i) => figure(`${i}`)));
  assert.equal(transcript.folded, 3);
  assert.deepEqual(seen(transcript).slice(2, 4), ['<2>', '[3]']);
  assert.equal(transcript.parts.filter((part): part is Shown => part.kind === 'shown').length, MOST_SHOWN);
});

test('a window keeps the lines that were asked for', () => {
  const transcript = made(printed('a\nb\n'), figure('1'), printed('c\nd\ne'));
  transcript.keep(1, 3);
  assert.deepEqual(seen(transcript), ['b', '[1]', 'c']);
});

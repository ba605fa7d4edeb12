/**
 * What a run has shown, in order: text as a terminal shows it, and between it what was displayed. It is a stretch of the
 * run's log: it grows as the run goes on, loses its first lines when there are too many, and what came before can be put in
 * front again.
 */
import { START_OF_LOG } from '../server/feed';
import { bundleText, errorText } from '../server/output';
import type { Event } from '../server/types';
import type { LineTail } from '../terminal/lines';
import { DisplayEvent, isMoreThanText, newlinesOf, Part, Printed, printed, Section, show, Shown, shownBy } from './parts';

/** So many displays are kept, of so many characters in all; of those before, the text stands for them. */
export const MOST_SHOWN = 500;
const MOST_SHOWN_CHARS = 128 * 2 ** 20;
const MOST_UPDATES = 200; // of displays that are not among the parts

/** Where in the log a line begins, or goes on: the place, and the line. */
interface Mark {
  cursor: string;
  tail: LineTail;
  row: number; // of all that the tail has had
  inLine: boolean;
}

/** Up to where the log is missing: a place, and how much of what stands before it is here. */
export interface Front {
  cursor: string;
  newlines: number;
  inLine: boolean;
}

export class Transcript {
  parts: Part[] = [printed()];
  /** Whether lines were cleared from between others, or counted that the server does not count. */
  hasGaps = false;
  private isWhole: boolean;
  private marks: Mark[] = [];
  private clearNext = false;
  private updates = new Map<string, DisplayEvent>(); // the last of each display

  /** `begin` is the place of the log where it begins. */
  constructor(begin: string) {
    this.isWhole = begin === START_OF_LOG;
    this.marks.push({ cursor: begin, tail: this.text, row: 0, inLine: false });
  }

  get newlines(): number {
    return this.parts.reduce((sum, part) => sum + newlinesOf(part), 0);
  }

  /** How many lines it has. */
  get lines(): number {
    return this.newlines + (this.text.isInLine ? 1 : 0);
  }

  /** Where there is more that came before; null where there is nothing. */
  get front(): Front | null {
    const [mark] = this.marks;
    return this.isWhole || !mark ? null : { cursor: mark.cursor, newlines: this.before(mark), inLine: mark.inLine };
  }

  /** How many displays only their text stands for, because there were too many. */
  get folded(): number {
    return this.parts.filter(part => part.kind === 'printed' && part.isFolded).length;
  }

  /** Take what follows, up to the place `cursor`. */
  take(events: readonly Event[], cursor: string): void {
    events.forEach(event => this.takeOne(event));
    this.fold();
    this.mark(cursor);
  }

  /** Put in front what came before: `earlier` ends at the place that `front` said. */
  prepend(earlier: Transcript, front: Front): void {
    if (front.inLine || front.newlines) { // these lines are here already, and so is the whole of the one that was cut
      earlier.dropLast(front.newlines);
    }
    for (const part of earlier.parts) {
      const update = part.kind === 'shown' && part.id && this.updates.get(part.id);
      if (update) {
        show(part, update);
      }
    }
    this.updates = new Map([...earlier.updates, ...this.updates]);
    this.parts = [...earlier.parts, ...this.parts];
    this.marks = [...earlier.marks.slice(0, 1), ...this.marks];
    this.isWhole = earlier.isWhole;
    this.hasGaps ||= earlier.hasGaps;
    this.fold();
  }

  /** Keep only the last `most` lines, or some more. */
  trim(most: number): void {
    const over = this.newlines - most;
    if (over > most / 10) { // seldom, and then many: each time all parts and marks are looked at
      this.dropFirst(over);
    }
  }

  /** Keep `count` lines from number `first` on, and displays whole. */
  keep(first: number, count: number): void {
    this.dropFirst(first);
    if (this.newlines > count) {
      this.dropLast(this.newlines - count);
    }
  }

  /** The numbers, from 0, of the lines that hold a text, whatever the case of its letters. */
  find(text: string): number[] {
    const wanted = text.toLowerCase();
    const found = new Set<number>();
    let at = 0;
    for (const part of this.parts) {
      textsOf(part).forEach((line, i) => line.toLowerCase().includes(wanted) && found.add(at + i));
      at += newlinesOf(part);
    }
    return [...found];
  }

  /** The part in which line `index` of those that are here stands, and its row there. */
  at(index: number): { part: Part; row: number } {
    let row = index;
    for (const part of this.parts) {
      const newlines = newlinesOf(part);
      if (row < (part.kind === 'printed' ? part.tail.length : newlines)) {
        return { part, row };
      }
      row -= newlines;
    }
    return { part: this.parts[this.parts.length - 1], row };
  }

  private get text(): LineTail {
    return (this.parts[this.parts.length - 1] as Printed).tail;
  }

  private takeOne(event: Event): void {
    switch (event.kind) {
      case 'clear':
        this.clearNext = event.wait === true;
        return this.clearNext ? undefined : this.clear();
      case 'start':
        return event.attempt > 1 ? this.begin({ kind: 'section', attempt: event.attempt }) : undefined;
      case 'cell':
        return this.begin({ kind: 'section', cell: event });
      case 'output':
        return this.print(event.text);
      case 'error':
        return this.print(errorText(event));
      case 'result':
        return this.display(event);
      case 'display':
        return event.update ? this.update(event) : this.display(event);
    }
  }

  private begin(section: Section): void {
    this.clearNext = false; // what was to be cleared is of the cell before
    this.hasGaps ||= !!section.attempt; // the server does not count the line that says so
    this.parts.push(section, printed()); // text comes last, always: what is printed goes there
  }

  private print(text: string): void {
    if (text) {
      this.clearWhatWaits();
      this.text.feed(text);
    }
  }

  private display(event: DisplayEvent): void {
    if (!isMoreThanText(event)) {
      return this.print(bundleText(event.data));
    }
    this.clearWhatWaits();
    this.parts.push(shownBy(event), printed());
  }

  private update(event: DisplayEvent & { kind: 'display' }): void {
    const id = event.display_id;
    if (!id) {
      return;
    }
    this.updates.delete(id); // and in again below: the first in the map is the oldest
    this.updates.set(id, event);
    if (this.updates.size > MOST_UPDATES) {
      this.updates.delete(this.updates.keys().next().value!);
    }
    this.parts.forEach(part => part.kind === 'shown' && part.id === id && show(part, event));
  }

  private clearWhatWaits(): void {
    if (this.clearNext) {
      this.clearNext = false;
      this.clear();
    }
  }

  /** As in a notebook, what a cell clears is its own. */
  private clear(): void {
    const section = this.parts.map(part => part.kind).lastIndexOf('section');
    this.parts = [...this.parts.slice(0, section + 1), printed()];
    this.hasGaps ||= section >= 0;
    this.isWhole ||= section < 0; // whatever came before was cleared, too
    this.forgetMarks();
  }

  private fold(): void {
    const shown = this.parts.filter((part): part is Shown => part.kind === 'shown');
    let chars = shown.reduce((sum, { size }) => sum + size, 0);
    for (let i = 0; shown.length - i > MOST_SHOWN || (chars > MOST_SHOWN_CHARS && i < shown.length - 1); i++) { // the last one stays, however large
      chars -= shown[i].size;
      this.parts.splice(this.parts.indexOf(shown[i]), 1, printed(shown[i].text, true));
    }
  }

  private dropFirst(newlines: number): void {
    this.isWhole &&= newlines <= 0;
    while (newlines > 0) {
      const [part] = this.parts;
      const size = newlinesOf(part);
      if (part.kind === 'printed' && (newlines < size || this.parts.length === 1)) {
        part.tail.dropFirst(Math.min(newlines, size));
        break;
      }
      if (newlines < size) {
        break; // a display is whole
      }
      this.parts.shift();
      newlines -= size;
    }
    while (this.parts[0].kind === 'shown' && !newlinesOf(this.parts[0])) {
      this.parts.shift(); // stands before the first line that is kept
    }
    this.forgetMarks();
  }

  /** Take away the last lines, and what follows the last newline that is left. */
  private dropLast(newlines: number): void {
    let over = newlines;
    do {
      const part = this.parts[this.parts.length - 1];
      if (part.kind === 'printed' && over <= part.tail.newlines) {
        return part.tail.keepFirst(part.tail.newlines - over);
      }
      over -= newlinesOf(part);
      this.parts.pop();
    } while (over > 0 && this.parts.length);
    this.parts.push(printed());
  }

  private mark(cursor: string): void {
    const tail = this.text;
    const row = tail.first + tail.newlines;
    const last = this.marks[this.marks.length - 1];
    if (last?.tail === tail && last.row >= row) { // one mark a line, however often a bar redraws it
      this.marks.pop();
    }
    this.marks.push({ cursor, tail, row, inLine: tail.isInLine });
  }

  private forgetMarks(): void {
    const tails = new Set(this.parts.map(part => part.kind === 'printed' && part.tail));
    this.marks = this.marks.filter(({ tail, row }) => tails.has(tail) && row >= tail.first);
  }

  /** How many newlines stand before a mark. */
  private before({ tail, row }: Mark): number {
    const at = this.parts.findIndex(part => part.kind === 'printed' && part.tail === tail);
    return this.parts.slice(0, at).reduce((sum, part) => sum + newlinesOf(part), row - tail.first);
  }
}

/** The lines of a part as text. */
function textsOf(part: Part): string[] {
  if (part.kind === 'printed') {
    const { tail } = part;
    return Array.from({ length: tail.length }, (_, i) => tail.line(i).map(span => span.text).join(''));
  }
  return part.kind === 'shown' ? part.text.split('\n').slice(0, -1) : [];
}

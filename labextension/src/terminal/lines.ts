/**
 * The last lines of a terminal's text, bounded. It knows what programs use to redraw progress: \r, \b, erasing a line,
 * moving up and down, clearing the screen; and colours. Every other control sequence is dropped.
 *
 * Text is cut into lines at once and its control characters are worked out only when a line is looked at: a run may print
 * a hundred thousand lines a second, and a person sees a few of them.
 */
import { Line, Span, styleAfter } from './line';
import { PLAIN } from './style';

// What leaves the line (1: count, 2: direction, 3: how much to erase), and a sequence that a chunk's end has cut in two.
const LEAVES_LINE = /\n|\x1b\[(\d*)([ABEF])|\x1b\[([0-3]?)J|\x1bc/g;
const CUT_SEQUENCE = /\x1b(?:\[[0-9;:?]*|\][^\x07\x1b]{0,2000}\x1b?)?$/; // 2000: a title that never ends must not hold back all that follows

/** How many lines are kept of an output. */
export const MOST_LINES = 5000;

/** The bounded tail. `feed` it text as it comes; `line(i)` is what line i of those kept looks like. */
export class LineTail {
  private lines: Line[] = [new Line()];
  private row = 0;
  private style = PLAIN;
  private cut = '';
  private dropped = 0;
  private before: number | null = 0;
  private exact = true;
  private cleared = false; // whether the screen was cleared since the first line that was fed

  constructor(readonly max = MOST_LINES) {}

  /** How many lines are kept. An empty last line is none. */
  get length(): number {
    return this.lines.length - (this.lines[this.lines.length - 1].isEmpty ? 1 : 0);
  }

  /** How many newlines are kept: the last line is not ended. */
  get newlines(): number {
    return this.lines.length - 1;
  }

  /** Whether text goes on in the last line. */
  get isInLine(): boolean {
    return !this.lines[this.lines.length - 1].isEmpty;
  }

  /** How many of the first lines are no longer kept; 0 again when the screen is cleared. */
  get first(): number {
    return this.dropped;
  }

  /** How many lines there have been; see `sureness`. */
  get total(): number {
    return (this.before ?? 0) + this.dropped + this.length;
  }

  /** Whether there were just as many lines, at least as many, or about as many. */
  get sureness(): 'exact' | 'atLeast' | 'about' {
    return this.before === null ? 'atLeast' : this.exact ? 'exact' : 'about';
  }

  /** How many lines came before the first that was fed; null while nobody knows. */
  setBefore(lines: number | null, exact: boolean): void {
    this.before = this.cleared ? 0 : lines;
    this.exact = this.cleared || exact;
  }

  /** Another tail with the same lines. */
  copy(): LineTail {
    const made = new LineTail(this.max);
    Object.assign(made, this, { lines: this.lines.map(line => line.copy()) });
    return made;
  }

  line(index: number): Span[] {
    return this.lines[index]?.draw() ?? [];
  }

  feed(chunk: string): void {
    let text = this.cut + chunk;
    this.cut = CUT_SEQUENCE.exec(text)?.[0] ?? '';
    text = text.slice(0, text.length - this.cut.length);
    let at = 0;
    for (const found of text.matchAll(LEAVES_LINE)) {
      this.write(text.slice(at, found.index));
      at = found.index + found[0].length;
      this.leave(found);
    }
    this.write(text.slice(at));
    this.trim();
  }

  /** Begin again with `text`, the end of an output that has `total` lines. */
  replace(text: string, total: number): void {
    this.clear();
    this.style = PLAIN;
    this.cut = '';
    this.exact = true;
    this.feed(text);
    this.before = Math.max(0, total - this.length);
  }

  /** Keep `count` of the first lines less. */
  dropFirst(count: number): void {
    this.lines.splice(0, count);
    this.row = Math.max(0, this.row - count);
    this.dropped += count;
    if (!this.lines.length) {
      this.lines.push(new Line());
    }
  }

  /** Keep only the first `count` lines; what comes is written below them. */
  keepFirst(count: number): void {
    this.lines.length = Math.min(count, this.lines.length);
    this.lines.push(new Line());
    this.row = this.lines.length - 1;
  }

  private clear(): void {
    this.lines = [new Line()];
    this.row = 0;
    this.dropped = 0;
    this.before = 0;
    this.cleared = true;
  }

  private write(text: string): void {
    if (!text) {
      return;
    }
    this.lines[this.row].write(text, this.style);
    this.style = styleAfter(text, this.style);
  }

  private leave(found: RegExpMatchArray): void {
    const [sequence, steps, direction, erases] = found;
    if (sequence === '\n') {
      this.moveTo(this.row + 1);
      this.write(this.lines[this.row].isEmpty ? '' : '\r'); // the line may have been written before, and each has a cursor of its own
    } else if (sequence === '\x1bc' || erases === '2' || erases === '3') {
      this.clear();
    } else if (direction) {
      const step = Math.max(1, Number(steps || 1)) * (direction === 'A' || direction === 'F' ? -1 : 1);
      const column = direction === 'E' || direction === 'F' ? 0 : this.lines[this.row].cursor;
      this.moveTo(Math.max(0, Math.min(this.row + step, this.lines.length - 1)));
      this.write(`\x1b[${column + 1}G`);
    } else if (erases !== '1') {
      this.lines.length = this.row + 1;
      this.write('\x1b[K');
    }
  }

  private moveTo(row: number): void {
    this.row = row;
    while (this.lines.length <= row) {
      this.lines.push(new Line());
    }
  }

  private trim(): void {
    const over = this.lines.length - this.max;
    if (over > 0) {
      this.dropFirst(over);
    }
  }
}

/** One line of a terminal: text typed into cells, with the control characters that act within a line. */
import { applySgr, PLAIN, Style } from './style';

export interface Span {
  text: string;
  style: Style;
}

// A control sequence (1: its numbers, 2: what it does), a title or link, any other escape, a control character.
const CONTROL = /\x1b\[([0-9;:?]*)([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[()].|\x1b.?|[\x00-\x08\x0a-\x1f\x7f]/g;
const SETTLE_AT = 4096; // characters
const MOST_COLUMNS = 1000; // a move further to the right than this is taken for a mistake

/** The style in which text goes on after `text`. */
export function styleAfter(text: string, style: Style): Style {
  if (text.includes('\x1b[')) {
    for (const found of text.matchAll(CONTROL)) {
      style = found[2] === 'm' ? applySgr(style, found[1]) : style;
    }
  }
  return style;
}

/** One line: what is drawn of it so far, and text that came since. */
export class Line {
  private spans: Span[] = [];
  private column = 0;
  private waiting: Span[] = [];
  private waitingSize = 0;

  copy(): Line {
    const made = new Line();
    Object.assign(made, this, { waiting: [...this.waiting] }); // spans are never changed in place
    return made;
  }

  get isEmpty(): boolean {
    return !this.draw().length;
  }

  /** Where the cursor stands in it, from 0. */
  get cursor(): number {
    this.draw();
    return this.column;
  }

  write(text: string, style: Style): void {
    this.waiting.push({ text, style });
    this.waitingSize += text.length;
    if (this.waitingSize > SETTLE_AT) {
      this.draw(); // a bar that is redrawn for hours stays one short line
    }
  }

  draw(): Span[] {
    if (!this.waiting.length) {
      return this.spans;
    }
    // by characters and not by UTF-16 units, of which an emoji has two
    const cells: [string, Style][] = this.spans.flatMap(span => [...span.text].map(char => [char, span.style] as [string, Style]));
    for (const { text, style } of this.waiting) {
      this.column = type(cells, this.column, text, style);
    }
    this.waiting = [];
    this.waitingSize = 0;
    this.spans = joined(cells);
    return this.spans;
  }
}

/** Type `text` over the cells from `column` on; returns the column after it. */
function type(cells: [string, Style][], column: number, text: string, style: Style): number {
  const put = (part: string) => {
    for (const char of part) {
      while (cells.length < column) {
        cells.push([' ', PLAIN]);
      }
      cells[column++] = [char, style];
    }
  };
  let at = 0;
  for (const found of text.matchAll(CONTROL)) {
    put(text.slice(at, found.index));
    at = found.index + found[0].length;
    const amount = Number(found[1] || 0);
    if (found[0] === '\r') {
      column = 0;
    } else if (found[0] === '\b') {
      column = Math.max(0, column - 1);
    } else if (found[2] === 'm') {
      style = applySgr(style, found[1]);
    } else if (found[2] === 'K') {
      erase(cells, column, amount);
    } else if (found[2] === 'G') {
      column = Math.min(MOST_COLUMNS, Math.max(1, amount)) - 1;
    } else if (found[2] === 'C') {
      column = Math.min(MOST_COLUMNS, column + Math.max(1, amount));
    } else if (found[2] === 'D') {
      column = Math.max(0, column - Math.max(1, amount));
    }
  }
  put(text.slice(at));
  return column;
}

/** Erase to the end of the line (0), to its beginning (1), or all of it (2). */
function erase(cells: [string, Style][], column: number, what: number): void {
  if (what === 0) {
    cells.length = Math.min(cells.length, column);
  } else if (what === 2) {
    cells.length = 0;
  } else {
    cells.fill([' ', PLAIN], 0, column + 1);
  }
}

function joined(cells: [string, Style][]): Span[] {
  const spans: Span[] = [];
  for (const [text, style] of cells) {
    const last = spans[spans.length - 1];
    if (last && last.style === style) {
      last.text += text;
    } else {
      spans.push({ text, style });
    }
  }
  return spans;
}

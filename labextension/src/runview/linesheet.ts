/** The last lines of an output, each as high as the others. */
import { element } from '../look/dom';
import type { LineTail } from '../terminal/lines';
import type { Anchor, Sheet } from './sheet';
import { lineNodes } from './spans';

const MARGIN_LINES = 4; // drawn above and below what is in sight

export class LineSheet implements Sheet {
  readonly node = element('pre', 'gpurun-log-lines');
  private lineHeight = 1;
  private first = 0; // of the lines when they were laid out

  constructor(private tail: LineTail) {}

  get counted(): LineTail {
    return this.tail;
  }

  /** Show other lines from now on. */
  show(tail: LineTail): void {
    this.tail = tail;
  }

  layOut(lineHeight: number): number {
    this.lineHeight = lineHeight;
    this.first = this.tail.first;
    return this.tail.length * lineHeight;
  }

  draw(top: number, bottom: number): void {
    const height = this.lineHeight;
    const first = Math.max(0, Math.floor(top / height) - MARGIN_LINES);
    const last = Math.min(this.tail.length, Math.ceil(bottom / height) + MARGIN_LINES);
    this.node.style.top = `${first * height}px`;
    this.node.replaceChildren(lineNodes(this.tail, first, last));
  }

  anchorAt(top: number): Anchor {
    const row = Math.floor(top / this.lineHeight);
    return { part: null, row: this.first + row, offset: top - row * this.lineHeight }; // counted from the beginning, so that it holds when lines are dropped
  }

  anchorOf(index: number): Anchor {
    return { part: null, row: this.first + index, offset: 0 };
  }

  find({ row, offset }: Anchor): { top: number; height: number } {
    return { top: (row - this.first) * this.lineHeight + offset, height: this.lineHeight };
  }
}

/**
 * A window onto the last lines of output. Only the lines in sight are in the page; it follows the end unless a person has
 * scrolled up or is selecting text. Draws at most once a frame, whatever the run prints.
 */
import { element, setText } from '../look/dom';
import type { Span } from '../terminal/line';
import type { LineTail } from '../terminal/lines';
import { lineCount } from '../look/sentences';
import type { Style } from '../terminal/style';
import type { Translate } from '../look/words';

const MARGIN_LINES = 4; // drawn above and below what is in sight
const ROWS_OPENED = 40;
const NEAR_END = 8; // pixels from the end that still count as being there

export interface LogBoxOptions {
  tail: LineTail;
  trans: Translate;
  /** The most lines in sight; without it the box takes the height that its place gives it. */
  maxRows?: number;
  /** Show the output somewhere else; without it the box grows. */
  onOpen?: () => void;
  logUrl?: string;
  /** Told when the person wants to follow the end; the box may show other lines by then. */
  onFollow?: () => void;
}

export class LogBox {
  readonly node = element('div', 'gpurun-log-frame');
  private box = element('div', 'gpurun-log', this.node);
  private space = element('div', 'gpurun-log-space', this.box);
  private mark = element('div', 'gpurun-log-mark', this.box);
  private pre = element('pre', '', this.box);
  private foot = element('div', 'gpurun-log-foot', this.node);
  private count = element('span', 'gpurun-log-count', this.foot);
  private follow = element('button', 'gpurun-button gpurun-log-follow', this.foot);
  private more: LogMore;
  private opened = false;
  private following = true;
  private marked: number | null = null;
  private frame = 0;
  private rows = 0;
  private lineHeight = 17; // pixels; measured when in sight
  private width = 0;
  private inSight = false;
  private resized = new ResizeObserver(() => this.redraw());
  // Notebooks skip the layout of cells that are out of sight, and what is measured then is wrong.
  private sighted = new IntersectionObserver(entries => {
    this.inSight = entries[entries.length - 1].isIntersecting;
    this.redraw();
  });

  constructor(private options: LogBoxOptions) {
    this.more = new LogMore(this.foot, options, () => this.toggle());
    this.node.hidden = true;
    this.box.tabIndex = 0;
    this.box.setAttribute('role', 'log');
    this.box.setAttribute('aria-live', 'off'); // a screen reader would never come to an end
    this.box.setAttribute('aria-label', options.trans.__('Output'));
    this.follow.type = 'button';
    this.follow.hidden = true;
    this.follow.textContent = options.trans.__('Follow the end');
    this.follow.addEventListener('click', () => this.toEnd());
    this.box.addEventListener('scroll', this.scrolled, { passive: true });
    document.addEventListener('selectionchange', this.redraw);
    this.resized.observe(this.box);
    this.sighted.observe(this.node);
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
    this.resized.disconnect();
    this.sighted.disconnect();
    document.removeEventListener('selectionchange', this.redraw);
    this.node.remove();
  }

  /** Show other lines from now on. */
  showTail(tail: LineTail): void {
    if (tail !== this.options.tail) {
      this.options = { ...this.options, tail };
      this.redraw();
    }
  }

  /** Show line `index` of those that are kept, marked, in the middle; null marks none. */
  markLine(index: number | null): void {
    this.marked = index;
    if (index !== null) {
      this.following = false;
      this.follow.hidden = false;
      this.setHeights();
      this.box.scrollTop = Math.max(0, (index + 0.5) * this.lineHeight - this.box.clientHeight / 2);
    }
    this.redraw();
  }

  /** Draw in the next frame. */
  redraw = (): void => {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  };

  private scrolled = (): void => {
    this.following = this.box.scrollTop + this.box.clientHeight >= this.box.scrollHeight - NEAR_END;
    this.follow.hidden = this.following;
    this.redraw();
  };

  private toggle(): void {
    this.opened = !this.opened;
    this.rows = 0;
    this.redraw();
  }

  private get maxRows(): number | undefined {
    return this.opened ? ROWS_OPENED : this.options.maxRows;
  }

  /** Follow the end again. */
  toEnd(): void {
    this.options.onFollow?.();
    this.following = true;
    this.follow.hidden = true;
    this.redraw();
  }

  private draw(): void {
    const { tail, trans } = this.options;
    if (!tail.length && !this.rows) {
      return;
    }
    this.node.hidden = false;
    setText(this.count, lineCount(tail.total, tail.sureness, trans));
    this.more.show(tail, this.opened);
    this.setHeights();
    if (!this.inSight || this.isSelecting()) {
      return;
    }
    if (!this.box.clientHeight) {
      this.redraw(); // out of the layout for a moment: until the observer says so, try again
      return;
    }
    if (this.following) {
      this.box.scrollTop = this.box.scrollHeight;
    }
    this.drawLines();
  }

  /** Out of sight nothing can be measured; what was measured last stands in for it. */
  private setHeights(): void {
    const { maxRows } = this;
    const { tail } = this.options;
    if (this.inSight) {
      this.lineHeight = parseFloat(getComputedStyle(this.pre).lineHeight) || this.lineHeight;
    }
    this.space.style.height = `${tail.length * this.lineHeight}px`;
    if (maxRows) {
      this.rows = Math.max(this.rows, Math.min(maxRows, tail.length)); // never shrinks: nothing below it jumps
      const scrollBar = this.inSight ? this.box.offsetHeight - this.box.clientHeight : 0;
      this.box.style.height = `${this.rows * this.lineHeight + scrollBar}px`;
    }
  }

  private drawLines(): void {
    const { tail } = this.options;
    const height = this.lineHeight;
    const first = Math.max(0, Math.floor(this.box.scrollTop / height) - MARGIN_LINES);
    const drawn = Math.ceil(this.box.clientHeight / height) + 2 * MARGIN_LINES;
    const last = Math.min(tail.length, first + drawn);
    const lines = document.createDocumentFragment();
    for (let i = first; i < last; i++) {
      lines.append(...tail.line(i).map(spanNode), '\n');
    }
    this.pre.style.top = `${first * height}px`;
    this.mark.hidden = this.marked === null;
    this.mark.style.top = `${(this.marked ?? 0) * height}px`;
    this.mark.style.height = `${height}px`;
    this.pre.replaceChildren(lines);
    if (this.pre.offsetWidth > this.width) {
      this.width = this.pre.offsetWidth; // only grows, or the scroll bar would come and go with each long line
      this.space.style.width = `${this.width}px`;
    }
  }

  /** Drawing would take the selection away from under the mouse. */
  private isSelecting(): boolean {
    const selection = document.getSelection();
    return !!selection && !selection.isCollapsed && this.pre.contains(selection.anchorNode);
  }
}

/** What leads from the lines in sight to the rest of them. */
class LogMore {
  private button: HTMLButtonElement | null = null;
  private link: HTMLAnchorElement | null = null;

  constructor(
    foot: HTMLElement,
    private options: LogBoxOptions,
    toggle: () => void
  ) {
    const { trans, maxRows, onOpen, logUrl } = options;
    if (maxRows) {
      this.button = element('button', 'gpurun-button gpurun-log-more', foot);
      this.button.type = 'button';
      this.button.textContent = trans.__('Open all');
      this.button.addEventListener('click', onOpen ?? toggle);
    }
    if (logUrl) {
      this.link = element('a', 'gpurun-log-whole', foot);
      this.link.href = logUrl;
      this.link.target = '_blank';
      this.link.rel = 'noopener';
    }
  }

  show(tail: LineTail, opened: boolean): void {
    const { trans, maxRows, onOpen } = this.options;
    if (this.button) {
      this.button.hidden = tail.length <= (maxRows ?? 0);
      setText(this.button, opened ? trans.__('Show fewer') : onOpen ? trans.__('Open all') : trans.__('Show more'));
    }
    if (this.link) {
      this.link.hidden = tail.total <= tail.length;
      setText(this.link, trans.__('The last %1 are shown; the whole output', tail.length.toLocaleString('en-US')));
    }
  }
}

function spanNode({ text, style }: Span): Node {
  const className = classesOf(style);
  if (!className && !style.fg && !style.bg) {
    return document.createTextNode(text);
  }
  const span = element('span', className);
  span.textContent = text;
  span.style.color = isThemed(style.fg) ? '' : (style.fg ?? '');
  span.style.backgroundColor = isThemed(style.bg) ? '' : (style.bg ?? '');
  return span;
}

function isThemed(colour: string | undefined): boolean {
  return colour !== undefined && /^\d+$/.test(colour);
}

function classesOf(style: Style): string {
  const switches = (['bold', 'dim', 'italic', 'underline', 'inverse'] as const)
    .filter(name => style[name])
    .map(name => `gpurun-sgr-${name}`);
  const colours = [
    isThemed(style.fg) ? `gpurun-fg${style.fg}` : '',
    isThemed(style.bg) ? `gpurun-bg${style.bg}` : ''
  ];
  return [...switches, ...colours].filter(name => name).join(' ');
}

/**
 * A window onto output. Only what is in sight is in the page; it follows the end unless a person has scrolled up or is
 * selecting text, and what a person reads stays where it is. Draws at most once a frame, whatever the run prints.
 */
import { element, setText } from '../look/dom';
import { lineCount } from '../look/sentences';
import type { Translate } from '../look/words';
import type { Anchor, Counted, Sheet } from './sheet';

const ROWS_OPENED = 40;
const UPWARDS = ['ArrowUp', 'PageUp', 'Home'];
const NEAR_END = 8; // pixels from the end that still count as being there

export interface LogBoxOptions {
  sheet: Sheet;
  trans: Translate;
  /** The most lines in sight; without it the box takes the height that its place gives it. */
  maxRows?: number;
  /** Show the output somewhere else; without it the box grows. */
  onOpen?: () => void;
  logUrl?: string;
  /** Told when the person wants to follow the end; the box may show something else by then. */
  onFollow?: () => void;
  /** Told when it was scrolled. */
  onScroll?: () => void;
}

export class LogBox {
  readonly node = element('div', 'gpurun-log-frame');
  private box = element('div', 'gpurun-log', this.node);
  private space = element('div', 'gpurun-log-space', this.box);
  private mark = element('div', 'gpurun-log-mark', this.box);
  private foot = element('div', 'gpurun-log-foot', this.node);
  private count = element('span', 'gpurun-log-count', this.foot);
  private follow = element('button', 'gpurun-button gpurun-log-follow', this.foot);
  private more: LogMore;
  private opened = false;
  private following = true;
  private top = 0; // where it was scrolled to when it was drawn or scrolled last
  private anchor: Anchor | null = null; // what stood there
  private marked: Anchor | null = null;
  private frame = 0;
  private rows = 0;
  private lineHeight = 17; // pixels; measured when in sight
  private width = 0;
  private inSight = false;
  private resized = new ResizeObserver(() => this.redraw());
  // Notebooks skip the layout of cells that are out of sight, and what is measured then is wrong.
  private sighted = new IntersectionObserver(entries => {
    this.inSight = entries[entries.length - 1].isIntersecting; // of several changes since, the newest
    this.redraw();
  });

  constructor(private options: LogBoxOptions) {
    this.more = new LogMore(this.foot, options, () => this.toggle());
    this.node.hidden = true;
    this.box.append(options.sheet.node);
    this.box.tabIndex = 0;
    this.box.setAttribute('role', 'log');
    this.box.setAttribute('aria-live', 'off'); // a screen reader would never come to an end
    this.box.setAttribute('aria-label', options.trans.__('Output'));
    this.mark.hidden = true;
    this.follow.type = 'button';
    this.follow.hidden = true;
    this.follow.textContent = options.trans.__('Follow the end');
    this.follow.addEventListener('click', () => this.toEnd());
    this.box.addEventListener('scroll', this.scrolled, { passive: true });
    this.box.addEventListener('wheel', event => this.goUp(event.deltaY < 0), { passive: true });
    this.box.addEventListener('keydown', event => this.goUp(UPWARDS.includes(event.key)));
    document.addEventListener('selectionchange', this.redraw); // once nothing is selected, what has come meanwhile is drawn
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

  /** Whether the end is kept in sight. */
  get isFollowing(): boolean {
    return this.following;
  }

  /** How far it is from the top to what is in sight, in heights of the window. */
  get windowsAbove(): number {
    return this.box.scrollTop / Math.max(1, this.box.clientHeight);
  }

  /** Show line `index` of those that are kept, marked, in the middle; null marks none. */
  markLine(index: number | null): void {
    this.marked = null;
    if (index !== null) {
      this.setFollowing(false);
      this.setHeights(); // lines may have come since it was drawn
      this.marked = this.options.sheet.anchorOf(index);
      const found = this.options.sheet.find(this.marked);
      if (found) {
        this.scrollTo(Math.max(0, found.top + (found.height - this.box.clientHeight) / 2));
      }
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

  /** Follow the end again. */
  toEnd(): void {
    this.options.onFollow?.();
    this.setFollowing(true);
    this.redraw();
  }

  /** Show the first line that is kept. */
  toTop(): void {
    this.setFollowing(false);
    this.scrollTo(0);
    this.redraw();
  }

  private setFollowing(following: boolean): void {
    this.following = following;
    this.follow.hidden = following;
  }

  /** Text that comes is no scrolling: only who goes up leaves the end, be it by a pixel, as where scrolling is smooth. */
  private scrolled = (): void => {
    const { scrollTop, clientHeight, scrollHeight } = this.box;
    const left = scrollHeight - clientHeight - scrollTop;
    if (left < 1 || (left <= NEAR_END && scrollTop > this.top)) {
      this.setFollowing(true);
    } else if (scrollTop < this.top) {
      this.setFollowing(false);
    }
    this.remember();
    this.options.onScroll?.();
    this.redraw();
  };

  /** A person begins to go up: the next line that comes must not take them back before they have moved. */
  private goUp(up: boolean): void {
    if (up && this.box.scrollTop > 0) {
      this.setFollowing(false);
    }
  }

  private scrollTo(top: number): void {
    if (Math.abs(this.box.scrollTop - top) >= 1) { // browsers round it, and setting it once more would end a smooth scroll
      this.box.scrollTop = top;
    }
    this.remember();
  }

  private remember(): void {
    this.top = this.box.scrollTop;
    this.anchor = this.options.sheet.anchorAt(this.top);
  }

  private toggle(): void {
    this.opened = !this.opened;
    this.rows = 0; // asked for by a person, it may shrink
    this.redraw();
  }

  private get maxRows(): number | undefined {
    return this.opened ? ROWS_OPENED : this.options.maxRows;
  }

  private draw(): void {
    const { sheet, trans } = this.options;
    const { counted } = sheet;
    const height = this.setHeights();
    if (!height && !this.rows) {
      this.node.hidden = true;
      return;
    }
    this.node.hidden = false;
    setText(this.count, lineCount(counted.total, counted.sureness, trans));
    this.more.show(counted, this.opened);
    if (!this.inSight || this.isSelecting()) {
      return;
    }
    if (!this.box.clientHeight) {
      this.redraw(); // out of the layout for a moment: until the observer says so, try again
      return;
    }
    const stood = this.anchor && sheet.find(this.anchor);
    this.scrollTo(this.following ? height - this.box.clientHeight : (stood?.top ?? this.box.scrollTop));
    this.drawSheet();
  }

  /** Out of sight nothing can be measured; what was measured last stands in for it. */
  private setHeights(): number {
    const { maxRows } = this;
    const { sheet } = this.options;
    if (this.inSight) {
      this.lineHeight = parseFloat(getComputedStyle(this.space).lineHeight) || this.lineHeight; // `normal` is no number
    }
    const height = sheet.layOut(this.lineHeight);
    this.space.style.height = `${height}px`;
    if (maxRows) {
      this.rows = Math.max(this.rows, Math.min(maxRows, sheet.counted.length)); // never shrinks: nothing below it jumps
      const scrollBar = this.inSight ? this.box.offsetHeight - this.box.clientHeight : 0; // the one below must not lie over the last row
      this.box.style.height = `${this.rows * this.lineHeight + scrollBar}px`;
    }
    return height;
  }

  private drawSheet(): void {
    const { sheet } = this.options;
    const { scrollTop, clientHeight } = this.box;
    const mark = this.marked && sheet.find(this.marked);
    this.mark.hidden = !mark;
    this.mark.style.top = `${mark?.top ?? 0}px`;
    this.mark.style.height = `${mark?.height ?? 0}px`;
    sheet.draw(scrollTop, scrollTop + clientHeight);
    if (sheet.node.offsetWidth > this.width) {
      this.width = sheet.node.offsetWidth; // only grows, or the scroll bar would come and go with each long line
      this.space.style.width = `${this.width}px`;
    }
  }

  /** Drawing would take the selection away from under the mouse. */
  private isSelecting(): boolean {
    const selection = document.getSelection();
    return !!selection && !selection.isCollapsed && this.options.sheet.node.contains(selection.anchorNode);
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

  show({ length, total, isFurtherUp }: Counted, opened: boolean): void {
    const { trans, maxRows, onOpen } = this.options;
    if (this.button) {
      this.button.hidden = length <= (maxRows ?? 0);
      setText(this.button, opened ? trans.__('Show fewer') : onOpen ? trans.__('Open all') : trans.__('Show more'));
    }
    if (this.link) {
      this.link.hidden = total <= length;
      const words = isFurtherUp ? trans.__('The whole output') : trans.__('The last %1 are shown; the whole output', length.toLocaleString('en-US'));
      setText(this.link, words);
    }
  }
}

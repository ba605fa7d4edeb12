/**
 * A table of any number of rows, of which only those in sight are in the page. To assistive technology it is a grid whose
 * rows know their numbers; the keyboard moves an active row, and Space and Enter select and open it.
 */
import { Signal } from '@lumino/signaling';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { element, setText } from '../look/dom';
import type { Translate } from '../look/words';
import { isHeardOf } from '../server/types';
import type { Column } from './cells';
import { TableHead } from './head';
import type { Row, Rows } from './rows';
import type { Selection } from './selection';

export const ROW_HEIGHT = 28;
const BEYOND = 10; // rows drawn above and below what is in sight

let tables = 0; // so that rows of two tables have different ids

export class RunsTable extends Widget {
  /** Emitted with the id of a run that is to be opened. */
  readonly opened = new Signal<this, string>(this);
  readonly head: TableHead;
  private body: HTMLElement;
  private drawn = new Map<number, HTMLElement>();
  private columns: readonly Column[] = [];
  private frame = 0;
  private prefix = `gpurun-row-${tables++}-`;
  private resized = new ResizeObserver(() => this.redraw());

  constructor(
    private rows: Rows,
    private selection: Selection,
    trans: Translate
  ) {
    super({ node: element('div', 'gpurun-table') });
    this.node.setAttribute('role', 'grid');
    this.node.setAttribute('aria-label', trans.__('Runs'));
    this.node.setAttribute('aria-multiselectable', 'true');
    this.node.tabIndex = 0;
    this.head = new TableHead(trans);
    this.body = element('div', 'gpurun-table-body');
    this.body.setAttribute('role', 'rowgroup');
    this.node.append(this.head.node, this.body);
    rows.changed.connect(this.redraw, this);
    selection.changed.connect(this.redraw, this);
  }

  /** Show these columns. */
  setColumns(columns: readonly Column[], sort: string): void {
    this.columns = columns;
    const widths = columns.map(({ width, grows }) => (grows ? `minmax(${width}px, 1fr)` : `${width}px`));
    this.node.style.setProperty('--gpurun-columns', ['32px', ...widths].join(' '));
    this.node.setAttribute('aria-colcount', String(columns.length + 1));
    this.head.show(columns, sort);
    this.drawn.forEach(node => node.remove());
    this.drawn.clear();
    this.redraw();
  }

  get isAtTop(): boolean {
    return this.node.scrollTop < ROW_HEIGHT;
  }

  scrollToTop(): void {
    this.node.scrollTop = 0;
    this.redraw();
  }

  /** Draw anew in the next frame. */
  redraw(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  handleEvent(event: Event): void {
    switch (event.type) {
      case 'scroll':
        return this.redraw();
      case 'keydown':
        return this.keyDown(event as KeyboardEvent);
      case 'click':
        return this.click(event as MouseEvent);
      case 'dblclick':
        return this.open(this.placeAt(event));
      case 'contextmenu':
        return this.pointAt(this.placeAt(event));
    }
  }

  dispose(): void {
    if (!this.isDisposed) {
      cancelAnimationFrame(this.frame);
      this.resized.disconnect();
      Signal.clearData(this);
      super.dispose();
    }
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    ['scroll', 'keydown', 'click', 'dblclick', 'contextmenu'].forEach(type => this.node.addEventListener(type, this));
    this.resized.observe(this.node);
    this.redraw();
  }

  protected onBeforeDetach(message: Message): void {
    ['scroll', 'keydown', 'click', 'dblclick', 'contextmenu'].forEach(type => this.node.removeEventListener(type, this));
    this.resized.disconnect();
    super.onBeforeDetach(message);
  }

  protected onActivateRequest(): void {
    this.node.focus();
  }

  private get total(): number {
    return this.rows.total ?? 0;
  }

  private get inSight(): number {
    return Math.max(1, Math.ceil((this.node.clientHeight - ROW_HEIGHT) / ROW_HEIGHT));
  }

  private draw(): void {
    if (!this.node.clientHeight) {
      return; // hidden: a change of size tells when it no longer is
    }
    this.body.style.height = `${this.total * ROW_HEIGHT}px`;
    this.node.setAttribute('aria-rowcount', String(this.total + 1));
    const top = Math.floor(this.node.scrollTop / ROW_HEIGHT);
    const first = Math.max(0, top - BEYOND);
    const last = Math.min(this.total, top + this.inSight + BEYOND);
    for (const [place, node] of this.drawn) {
      if (place < first || place >= last) {
        node.remove();
        this.drawn.delete(place);
      }
    }
    const now = Date.now() / 1000;
    for (let place = first; place < last; place++) {
      this.fill(this.nodeAt(place), place, now);
    }
    this.pointOut();
    this.rows.show(first, Math.max(last, first + this.inSight));
  }

  private nodeAt(place: number): HTMLElement {
    let node = this.drawn.get(place);
    if (!node) {
      node = element('div', 'gpurun-table-row gpurun-run');
      node.setAttribute('role', 'row');
      node.setAttribute('aria-rowindex', String(place + 2)); // from 1 on, and the head is the first
      node.id = this.prefix + place;
      node.style.top = `${place * ROW_HEIGHT}px`;
      const mark = element('div', 'gpurun-cell gpurun-cell-mark', node);
      mark.setAttribute('role', 'gridcell');
      for (const { isNumber } of this.columns) {
        const cell = element('div', isNumber ? 'gpurun-cell gpurun-cell-number' : 'gpurun-cell', node);
        cell.setAttribute('role', 'gridcell');
      }
      const after = [...this.drawn.keys()].filter(other => other > place);
      this.body.insertBefore(node, after.length ? this.drawn.get(Math.min(...after))! : null); // in order in the page too, as a screen reader goes
      this.drawn.set(place, node);
    }
    return node;
  }

  private fill(node: HTMLElement, place: number, now: number): void {
    const row = this.rows.at(place);
    node.classList.toggle('gpurun-is-coming', !row);
    if (!row) {
      delete node.dataset.runId;
      return;
    }
    const { run } = row;
    const selected = this.selection.has(run.id);
    node.dataset.runId = run.id;
    node.dataset.state = run.outcome ?? run.state;
    node.dataset.live = String(run.state !== 'finished');
    node.toggleAttribute('data-heard-of', isHeardOf(run));
    node.setAttribute('aria-selected', String(selected));
    setText(node.firstElementChild as HTMLElement, selected ? '✓' : '');
    this.columns.forEach((column, i) => this.fillCell(node.children[i + 1] as HTMLElement, column, row, now));
  }

  private fillCell(cell: HTMLElement, column: Column, row: Row, now: number): void {
    const text = column.text(row, now);
    if (column.draw) {
      column.draw(cell, row);
    } else {
      setText(cell, text);
    }
    cell.title = text.length * 7 > column.width ? text : ''; // some 7 pixels a letter: to measure each costs a layout
  }

  /** Say which row is the active one, where it is drawn. */
  private pointOut(): void {
    const { active } = this.selection;
    this.drawn.forEach((node, place) => node.classList.toggle('gpurun-is-active', place === active));
    if (active !== null && this.drawn.has(active)) {
      this.node.setAttribute('aria-activedescendant', this.prefix + active);
    } else {
      this.node.removeAttribute('aria-activedescendant');
    }
  }

  private placeAt(event: Event): number | null {
    const node = (event.target as HTMLElement).closest<HTMLElement>('.gpurun-table-row');
    return node && this.body.contains(node) ? Number(node.id.slice(this.prefix.length)) : null;
  }

  private open(place: number | null): void {
    const row = place === null ? undefined : this.rows.at(place);
    if (row) {
      this.opened.emit(row.run.id);
    }
  }

  private pointAt(place: number | null): void {
    const row = place === null ? undefined : this.rows.at(place);
    if (row && !this.selection.has(row.run.id)) {
      this.selection.only(place!);
    }
  }

  private click(event: MouseEvent): void {
    const place = this.placeAt(event);
    if (place === null) {
      return;
    }
    const onMark = !!(event.target as HTMLElement).closest('.gpurun-cell-mark');
    if (event.shiftKey) {
      this.selection.through(place);
    } else if (onMark || event.ctrlKey || event.metaKey) {
      this.selection.toggle(place);
    } else {
      this.selection.only(place);
    }
  }

  private keyDown(event: KeyboardEvent): void {
    if (event.target !== this.node) {
      return; // a button of the head
    }
    const { active } = this.selection;
    const steps: Record<string, number> = {
      ArrowDown: active === null ? 0 : active + 1,
      ArrowUp: (active ?? 1) - 1,
      PageDown: (active ?? 0) + this.inSight - 1,
      PageUp: (active ?? 0) - this.inSight + 1,
      Home: 0,
      End: this.total - 1
    };
    if (event.key in steps && this.total) {
      this.move(Math.min(this.total - 1, Math.max(0, steps[event.key])), event.shiftKey);
    } else if (event.key === ' ' && active !== null) {
      this.selection.toggle(active);
    } else if (event.key === 'Enter') {
      this.open(active);
    } else if (event.key === 'Escape') {
      this.selection.clear();
    } else {
      return;
    }
    event.preventDefault();
  }

  private move(place: number, selecting: boolean): void {
    if (selecting) {
      this.selection.through(place);
    } else {
      this.selection.point(place);
    }
    const top = place * ROW_HEIGHT;
    const height = this.node.clientHeight - 2 * ROW_HEIGHT; // less the head, which stays in sight, and the row itself
    this.node.scrollTop = Math.min(Math.max(this.node.scrollTop, top - height), top);
  }
}

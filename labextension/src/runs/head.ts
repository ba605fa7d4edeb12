/** The head of the table: a button for each column that sorts, which says how the list is sorted. */
import { Signal } from '@lumino/signaling';
import { element } from '../look/dom';
import type { Translate } from '../look/words';
import type { Column } from './cells';

export class TableHead {
  readonly node = element('div', 'gpurun-table-head');
  /** Emitted with what the list is to be sorted by; empty for the newest first. */
  readonly sorted = new Signal<this, string>(this);
  private row = element('div', 'gpurun-table-row', this.node);

  constructor(private trans: Translate) {
    this.node.setAttribute('role', 'rowgroup');
    this.row.setAttribute('role', 'row');
    this.row.setAttribute('aria-rowindex', '1');
  }

  show(columns: readonly Column[], sort: string): void {
    const focused = (document.activeElement as HTMLElement | null)?.dataset.column; // its button is made anew
    this.row.replaceChildren();
    const mark = element('div', 'gpurun-cell', this.row);
    mark.setAttribute('role', 'columnheader');
    element('span', 'gpurun-said', mark).textContent = this.trans.__('Selected');
    columns.forEach(column => this.add(column, sort));
    this.row.querySelector<HTMLElement>(`[data-column="${CSS.escape(focused ?? '')}"]`)?.focus();
  }

  private add(column: Column, sort: string): void {
    const cell = element('div', column.isNumber ? 'gpurun-cell gpurun-cell-number' : 'gpurun-cell', this.row);
    cell.setAttribute('role', 'columnheader');
    if (!column.sort) {
      cell.textContent = column.label;
      return;
    }
    const up = sort === column.sort;
    const down = sort === `-${column.sort}`;
    cell.setAttribute('aria-sort', up ? 'ascending' : down ? 'descending' : 'none');
    const button = element('button', 'gpurun-sort', cell);
    button.type = 'button';
    button.dataset.column = column.key;
    button.title = this.trans.__('Sort by %1', column.label);
    element('span', 'gpurun-sort-label', button).textContent = column.label;
    const arrow = element('span', 'gpurun-sort-arrow', button);
    arrow.setAttribute('aria-hidden', 'true');
    arrow.textContent = up ? '▲' : down ? '▼' : '';
    // Numbers are mostly looked at from the highest down, and words from A to Z; a third click is the newest first again.
    const turns = column.isNumber ? [`-${column.sort}`, column.sort, ''] : [column.sort, `-${column.sort}`, ''];
    button.onclick = () => this.sorted.emit(turns[(turns.indexOf(sort) + 1) % turns.length]);
  }
}

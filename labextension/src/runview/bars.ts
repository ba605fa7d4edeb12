/** The progress bars between the header and the output. */
import { element, setText } from '../look/dom';
import * as format from '../look/format';
import { dots } from '../look/sentences';
import type { Bar } from '../server/types';

const LONGEST_LABEL = 16;

/**
 * One row for each progress bar. Rows are reused in place and the space that was once taken is kept, so that bars which
 * come, go and begin anew move nothing around them.
 */
export class BarRows {
  readonly node = element('div', 'gpurun-bars');
  private rows: BarRow[] = [];
  private longest = 0;

  show(bars: readonly Bar[]): void {
    const lengths = bars.map(bar => Math.min(LONGEST_LABEL, (bar.label ?? '').length));
    this.longest = Math.max(this.longest, ...lengths);
    this.node.style.setProperty('--gpurun-labels', `${this.longest}ch`);
    while (this.rows.length < bars.length) {
      this.rows.push(new BarRow(this.node));
    }
    this.rows.splice(bars.length).forEach(row => row.node.remove());
    bars.forEach((bar, i) => this.rows[i].show(bar));
    this.node.style.minHeight = `${Math.max(this.node.offsetHeight, parseFloat(this.node.style.minHeight) || 0)}px`;
  }

  /** The run is over: give the space back. */
  release(): void {
    this.node.style.minHeight = '';
  }
}

class BarRow {
  readonly node: HTMLElement;
  private label: HTMLElement;
  private track: HTMLElement;
  private fill: HTMLElement;
  private count: HTMLElement;
  private widest = 0;

  constructor(parent: HTMLElement) {
    this.node = element('div', 'gpurun-bar', parent);
    this.label = element('span', 'gpurun-bar-label', this.node);
    this.track = element('div', 'gpurun-track', this.node);
    this.fill = element('div', 'gpurun-fill', this.track);
    this.count = element('span', 'gpurun-bar-count', this.node);
    this.track.setAttribute('role', 'progressbar');
  }

  show(bar: Bar): void {
    const done = bar.done ?? 0;
    const fraction = bar.total ? Math.min(1, Math.max(0, done / bar.total)) : null;
    const text = dots(
      bar.total ? `${format.count(done)}/${format.count(bar.total)}` : format.count(done),
      bar.rate ? format.rate(bar.rate) : ''
    );
    setText(this.label, bar.label || '');
    this.label.title = bar.label || '';
    setText(this.count, text);
    this.widest = Math.max(this.widest, text.length);
    this.count.style.minWidth = `${this.widest}ch`;
    this.fill.style.width = `${(fraction ?? 0) * 100}%`;
    this.track.classList.toggle('gpurun-endless', fraction === null);
    this.track.setAttribute('aria-label', bar.label || '');
    this.track.setAttribute('aria-valuetext', text);
    if (fraction === null) {
      this.track.removeAttribute('aria-valuenow');
    } else {
      this.track.setAttribute('aria-valuenow', String(Math.round(fraction * 100)));
    }
  }
}

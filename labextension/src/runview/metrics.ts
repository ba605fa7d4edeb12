/** The row of numbers: the last value of each metric with its curve, and at its end what the run uses of the machine. */
import { element, setText } from '../look/dom';
import * as format from '../look/format';
import { Sparkline } from './sparkline';
import { usageWords } from '../look/sentences';
import type { Facts, MetricSummary, Sample } from '../server/types';
import type { Translate } from '../look/words';

const MOST_METRICS = 12;

export class NumbersRow {
  readonly node = element('div', 'gpurun-numbers');
  private metrics = new Map<string, MetricCell>();
  private usage = element('span', 'gpurun-usage', this.node);
  private widest = 0;

  constructor(private trans: Translate) {
    this.node.hidden = true;
  }

  showMetrics(metrics: Record<string, MetricSummary>, curves: Facts['curves']): void {
    const names = Object.keys(metrics).slice(0, MOST_METRICS);
    if (names.join('\n') !== [...this.metrics.keys()].join('\n')) {
      this.metrics.forEach(cell => cell.node.remove());
      this.metrics = new Map(names.map(name => [name, new MetricCell(name)]));
      this.node.prepend(...[...this.metrics.values()].map(cell => cell.node));
    }
    this.metrics.forEach((cell, name) => cell.show(metrics[name].last, curves[name] ?? []));
    this.hideIfEmpty();
  }

  /** What was sampled last; null where nothing was, or the run is over. */
  showUsage(sample: Sample | null): void {
    const { text, hover } = usageWords(sample, this.trans);
    setText(this.usage, text);
    this.usage.title = hover;
    this.widest = text ? Math.max(this.widest, text.length) : 0;
    this.usage.style.minWidth = `${this.widest}ch`;
    this.hideIfEmpty();
  }

  private hideIfEmpty(): void {
    this.usage.hidden = !this.usage.textContent;
    this.node.hidden = this.usage.hidden && !this.metrics.size;
  }
}

class MetricCell {
  readonly node = element('span', 'gpurun-metric');
  private value: HTMLElement;
  private curve = new Sparkline();
  private widest = 0;

  constructor(name: string) {
    this.node.dataset.metric = name;
    element('span', 'gpurun-metric-name', this.node).textContent = name;
    this.value = element('span', 'gpurun-metric-value', this.node);
    this.node.append(this.curve.node);
  }

  show(last: number, values: readonly number[]): void {
    const text = format.value(last);
    setText(this.value, text);
    this.widest = Math.max(this.widest, text.length);
    this.value.style.minWidth = `${this.widest}ch`;
    this.curve.node.style.display = values.length > 1 ? '' : 'none';
    this.curve.show(values);
  }
}

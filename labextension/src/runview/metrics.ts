/** The row of numbers: the last value of each metric with its curve, and at its end what the run uses of the machine. */
import { element, setText } from '../look/dom';
import * as format from '../look/format';
import { Sparkline } from './sparkline';
import { usageWords } from '../look/sentences';
import type { Facts, Measured, MetricSummary, Previous, Sample } from '../server/types';
import type { Translate } from '../look/words';

const MOST_METRICS = 12;

export class NumbersRow {
  readonly node = element('div', 'gpurun-numbers');
  private metrics = new Map<string, MetricCell>();
  private compared = element('span', 'gpurun-compared', this.node);
  private usage = element('span', 'gpurun-usage', this.node);
  private widest = 0;

  constructor(private trans: Translate) {
    this.node.hidden = true;
    this.compared.hidden = true;
  }

  /** Show the last values and curves; behind them those of the run before, and what has changed once the run is `over`. */
  showMetrics(metrics: Record<string, MetricSummary>, curves: Facts['curves'], before: Previous | null, over: boolean): void {
    const names = Object.keys(metrics).slice(0, MOST_METRICS);
    if (names.join('\n') !== [...this.metrics.keys()].join('\n')) {
      this.metrics.forEach(cell => cell.node.remove());
      this.metrics = new Map(names.map(name => [name, new MetricCell(name)]));
      this.node.prepend(...[...this.metrics.values()].map(cell => cell.node));
    }
    let changes = 0;
    this.metrics.forEach((cell, name) => {
      cell.show(metrics[name].last, curves[name] ?? [], before?.curves[name], pace(metrics[name], before?.run.metrics[name]));
      const change = over ? changeWords(metrics[name], before?.run.metrics[name], name) : '';
      cell.setChange(change);
      changes += change ? 1 : 0;
    });
    this.compare(changes ? before : null);
    this.hideIfEmpty();
  }

  private compare(before: Previous | null): void {
    this.compared.hidden = !before;
    setText(this.compared, this.trans.__('on the run before'));
    this.compared.title = before ? `${before.run.name} (${before.run.id})` : '';
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
  private change: HTMLElement;
  private curve = new Sparkline();
  private widest = 0;

  constructor(name: string) {
    this.node.dataset.metric = name;
    element('span', 'gpurun-metric-name', this.node).textContent = name;
    this.value = element('span', 'gpurun-metric-value', this.node);
    this.change = element('span', 'gpurun-metric-change', this.node);
    this.node.append(this.curve.node);
  }

  setChange(text: string): void {
    setText(this.change, text);
  }

  show(last: Measured, values: readonly Measured[], ghost: readonly Measured[] | undefined, pace: number): void {
    const text = format.value(last);
    setText(this.value, text);
    this.widest = Math.max(this.widest, text.length);
    this.value.style.minWidth = `${this.widest}ch`;
    this.curve.node.style.display = values.length > 1 ? '' : 'none';
    this.curve.show(values, ghost, pace);
  }
}

/** How far a metric is, measured by how far the same one of the run before went; 1 where nobody knows. */
function pace(metric: MetricSummary, before: MetricSummary | undefined): number {
  return metric.step && before?.step && metric.step > 0 && before.step > 0 ? metric.step / before.step : 1;
}

/** `(+0.8 %)`; nothing where the run before had no such metric. */
function changeWords(metric: MetricSummary, before: MetricSummary | undefined, name: string): string {
  const [now, then] = [Number(metric.last), Number(before?.last ?? 0)];
  const change = then ? (now - then) / Math.abs(then) : NaN;
  return Number.isFinite(change) && name !== 'epoch' ? `(${format.change(change)})` : '';
}

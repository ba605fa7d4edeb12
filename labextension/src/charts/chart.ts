/**
 * One chart: curves over a shared x axis, drawn by uPlot in the colours of JupyterLab's theme. Drag to zoom, double click
 * to see everything again; charts with the same `sync` key have one cursor and zoom together. A screen reader is told in
 * words what the curves do.
 */
import type { Message } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import uPlot from 'uplot';
import { element } from '../look/dom';
import * as format from '../look/format';
import { english, Translate } from '../look/words';
import { align, extent, isLike, Series, smooth } from './align';
import { drawBreaks } from './breaks';
import { describeChart } from './describe';
import { Legend } from './legend';
import { BYTES, plotLook, ticksOf } from './look';
import { curveColour, curveDashes, themeColour, watchTheme } from './palette';

export type { Series } from './align';

export type XAxis = 'step' | 'time' | 'epoch'; // time is seconds

export interface ChartOptions {
  title: string;
  trans?: Translate;
  xAxis?: XAxis;
  /** Charts with the same key share their cursor and their zoom. */
  sync?: string;
  height?: number;
  /** How a value is written. */
  format?: (value: number) => string;
  /** The y axis begins at 0 and reaches at least to this. */
  upTo?: number;
}

const HEIGHT = 200;
const GHOST_DASHES = [5, 4];
const NEAR = 24; // pixels from the cursor in which a curve is the one that is meant

export class Chart extends Widget {
  /** Emitted when the person zooms in (true) or sees everything again (false). */
  readonly zoomChanged = new Signal<this, boolean>(this);
  private trans: Translate;
  private plot: uPlot | null = null;
  private legend: Legend;
  private place: HTMLElement;
  private series: readonly Series[] = [];
  private hidden = new Set<string>();
  private smoothing = 0;
  private logScale = false;
  private axis: XAxis;
  private drawn: Series[] = [];
  private aligned: [number, number] = [0, 1]; // the x values for which the columns were made
  private zoomed = false;
  private stopTheme: () => void;
  private resized = new ResizeObserver(() => this.resize());

  constructor(private options: ChartOptions) {
    super({ node: element('figure', 'gpurun-chart') });
    this.trans = options.trans ?? english;
    this.axis = options.xAxis ?? 'step';
    this.node.setAttribute('role', 'group');
    this.node.setAttribute('aria-label', options.title);
    this.legend = new Legend(options.title, this.trans, i => this.toggle(i), i => this.point(i));
    this.place = element('div', 'gpurun-chart-plot');
    this.place.setAttribute('role', 'img');
    this.place.style.minHeight = `${options.height ?? HEIGHT}px`; // from the start, so that nothing below it jumps
    this.node.append(this.legend.node, this.place);
    this.stopTheme = watchTheme(() => this.recolour());
  }

  /** Draw these curves. The zoom stays as it is. */
  setSeries(series: readonly Series[]): void {
    const same = series.length === this.series.length && series.every((one, i) => isLike(one, this.series[i]));
    this.series = series;
    if (same && this.plot) {
      this.refill();
    } else {
      this.rebuild();
    }
  }

  /** How much curves are smoothed: 0 not at all, up to nearly 1. */
  setSmoothing(weight: number): void {
    this.smoothing = weight;
    this.refill();
  }

  setLogScale(on: boolean): void {
    if (on !== this.logScale) {
      this.logScale = on;
      this.rebuild();
    }
  }

  setXAxis(axis: XAxis): void {
    if (axis !== this.axis) {
      this.axis = axis;
      this.rebuild();
    }
  }

  /** See everything again. */
  resetZoom(): void {
    const [min, max] = this.whole;
    this.plot?.setScale('x', { min, max });
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.stopTheme();
      this.resized.disconnect();
      this.plot?.destroy();
      this.plot = null;
      super.dispose();
    }
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.resized.observe(this.place);
    this.rebuild();
  }

  protected onBeforeDetach(message: Message): void {
    this.resized.disconnect();
    super.onBeforeDetach(message);
  }

  /** The x values that there are. */
  private get whole(): [number, number] {
    const [first, last] = extent(this.drawn) ?? [0, 1];
    return first < last ? [first, last] : [first - 0.5, last + 0.5];
  }

  /** Begin anew; nothing is drawn before the chart has a place. */
  private rebuild(): void {
    this.plot?.destroy();
    this.plot = null;
    this.setZoomed(false);
    this.legend.show(this.series.map((one, i) => this.entry(one, i)));
    if (!this.isAttached || !this.place.clientWidth) { // hidden: `resized` comes by when it no longer is
      return;
    }
    this.prepare();
    this.aligned = this.whole;
    this.plot = new uPlot(this.plotOptions(), align(this.drawn, ...this.aligned, this.place.clientWidth) as uPlot.AlignedData, this.place);
    this.place.querySelector('canvas')?.setAttribute('aria-hidden', 'true');
    this.describe();
  }

  /** Draw other values of the same curves. */
  private refill(): void {
    if (!this.plot) {
      return this.rebuild();
    }
    this.prepare();
    this.realign(!this.zoomed);
    this.describe();
  }

  /** What is drawn: the curves smoothed, and without what a logarithm cannot show. */
  private prepare(): void {
    this.drawn = this.series.map(one => {
      const y = smooth(one.y, this.smoothing);
      return { ...one, y: this.logScale ? Array.from(y, value => (value !== null && value > 0 ? value : null)) : y };
    });
  }

  private realign(whole: boolean): void {
    const { plot } = this;
    if (plot) {
      const { min, max } = plot.scales.x;
      const [from, to] = (this.aligned = whole ? this.whole : [min ?? this.whole[0], max ?? this.whole[1]]);
      plot.setData(align(this.drawn, from, to, this.place.clientWidth) as uPlot.AlignedData, false); // not to all of it: it may be zoomed
      plot.setScale('x', { min: from, max: to });
    }
  }

  private resize(): void {
    if (!this.plot) {
      this.rebuild();
    } else if (this.place.clientWidth && this.place.clientWidth !== this.plot.width) {
      this.plot.setSize({ width: this.place.clientWidth, height: this.options.height ?? HEIGHT });
    }
  }

  private plotOptions(): uPlot.Options {
    const { sync, upTo, format: say = format.value } = this.options;
    const ticks = { xTicks: ticksOf(this.axis, this.whole), yTicks: say === format.size ? BYTES : undefined };
    const look = plotLook({ x: x => this.xText(x), y: say, ...ticks, log: this.logScale, upTo });
    return {
      ...look,
      width: this.place.clientWidth,
      height: this.options.height ?? HEIGHT,
      cursor: {
        drag: { x: true, y: false },
        hover: { skip: [undefined, null], prox: NEAR },
        focus: { prox: this.series.length > 1 ? NEAR : -1 },
        points: { size: 6 },
        ...(sync ? { sync: { key: sync, scales: ['x', null], setSeries: false } } : {})
      },
      series: [{}, ...this.series.map((one, i) => this.curve(one, i))],
      hooks: {
        setCursor: [() => this.showValues()],
        setScale: [(_, key) => this.scaled(key)],
        draw: [plot => drawBreaks(plot, this.series, i => (this.hidden.has(this.series[i].label) ? '' : this.colour(this.series[i], i)))]
      }
    };
  }

  private curve(one: Series, index: number): uPlot.Series {
    return {
      label: one.label,
      show: !this.hidden.has(one.label),
      stroke: () => this.colour(this.series[index] ?? one, index),
      width: one.dashed ? 1.25 : 1.5,
      dash: this.dashes(one, index),
      spanGaps: false,
      points: { show: one.x.length === 1 }
    };
  }

  private colour(one: Series, index: number): string {
    const behind = this.series.slice(0, index).filter(other => other.dashed).length;
    return one.color ?? (one.dashed ? themeColour('--jp-ui-font-color2') : curveColour(index - behind));
  }

  private dashes(one: Series, index: number): number[] {
    return one.dashed ? GHOST_DASHES : curveDashes(index);
  }

  private entry(one: Series, index: number) {
    return {
      label: one.label,
      colour: this.colour(one, index),
      dashes: this.dashes(one, index),
      shown: !this.hidden.has(one.label)
    };
  }

  private toggle(index: number): void {
    const { label } = this.series[index];
    if (!this.hidden.delete(label)) {
      this.hidden.add(label);
    }
    this.plot?.setSeries(index + 1, { show: !this.hidden.has(label) });
    this.legend.show(this.series.map((one, i) => this.entry(one, i)));
    this.legend.focus(index);
  }

  private point(index: number | null): void {
    this.plot?.setSeries(index === null ? null : index + 1, { focus: true });
  }

  private recolour(): void {
    this.legend.recolour(this.series.map((one, i) => this.colour(one, i)));
    this.plot?.redraw(false, true);
  }

  private showValues(): void {
    const at = this.plot?.cursor.idxs;
    const data = this.plot?.data;
    const written = this.options.format ?? format.value;
    this.legend.setValues(
      this.series.map((_, i) => {
        const index = at?.[i + 1];
        const value = index === null || index === undefined ? null : data?.[i + 1][index];
        return value === null || value === undefined ? '' : written(value);
      })
    );
  }

  private scaled(key: string): void {
    const { min, max } = this.plot?.scales.x ?? {};
    const [from, to] = this.aligned;
    if (key !== 'x' || min === undefined || max === undefined || (min === from && max === to)) { // set by `realign` itself
      return;
    }
    const [first, last] = extent(this.drawn) ?? [0, 0];
    this.setZoomed(first < last && (min > first || max < last));
    queueMicrotask(() => this.realign(!this.zoomed)); // not within uPlot's own change
  }

  private setZoomed(zoomed: boolean): void {
    if (zoomed !== this.zoomed) {
      this.zoomed = zoomed;
      this.zoomChanged.emit(zoomed);
    }
  }

  private xText(x: number): string {
    return this.axis !== 'time' ? format.count(x) : this.whole[1] < 10 ? `${x.toFixed(1)} s` : format.elapsed(x);
  }

  /** The text alternative. */
  private describe = () => this.place.setAttribute('aria-label', describeChart(this.options.title, this.series, this.trans));
}

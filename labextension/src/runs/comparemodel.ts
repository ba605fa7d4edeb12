/** What the Compare page is: the runs side by side, the curves of the metrics that were chosen, and how they are drawn. */
import { Signal } from '@lumino/signaling';
import type { Series, XAxis } from '../charts/chart';
import type { Stop } from '../server/live';
import type { MetricColumns } from '../server/requests';
import type { IRunServer } from '../server/server';
import { isLive } from '../server/types';
import { labelsOf } from './labels';
import { compareRuns, Comparison, metricsOf } from './query';

const MOST_AT_FIRST = 4; // metrics
const MOST_POINTS = 20_000; // of all runs together, for each metric
const NEWS_MS = 3000;

export class CompareModel {
  /** Emitted when what is compared or how it is drawn changed. */
  readonly changed = new Signal<this, void>(this);
  /** Emitted when curves came. */
  readonly drawn = new Signal<this, void>(this);
  /** All lines, equal ones too; null before the server has answered. */
  comparison: Comparison | null = null;
  labels: string[] = [];
  chosen: string[] = [];
  xAxis: XAxis = 'step';
  smoothing = 0;
  logScale = false;
  showsAll = false;
  trouble = '';
  private curves: Record<string, Record<string, MetricColumns>> = {};
  private stop: Stop | null = null;
  private waiting = 0;

  constructor(
    readonly server: IRunServer,
    readonly ids: readonly string[]
  ) {}

  get metrics(): string[] {
    return this.comparison?.metrics.map(({ name }) => name) ?? [];
  }

  /** Whether the server has sent curves: a chart without any would take its first x axis from nothing. */
  get hasCurves(): boolean {
    return Object.keys(this.curves).length > 0;
  }

  /** Begin, and follow those of the runs that go on. */
  start(): void {
    if (!this.stop) {
      this.stop = this.server.live.watchRuns(runs => {
        if (runs.some(run => this.isOurs(run.id))) {
          this.waiting ||= window.setTimeout(() => this.load(), NEWS_MS);
        }
      });
      void this.load();
    }
  }

  pause(): void {
    this.stop?.();
    this.stop = null;
    clearTimeout(this.waiting);
    this.waiting = 0;
  }

  dispose(): void {
    this.pause();
    Signal.clearData(this);
  }

  /** Draw the curves of these metrics. */
  async choose(names: string[]): Promise<void> {
    this.chosen = this.metrics.filter(name => names.includes(name));
    this.changed.emit();
    await this.draw();
  }

  /** Draw them otherwise. */
  set(change: Partial<Pick<CompareModel, 'xAxis' | 'smoothing' | 'logScale' | 'showsAll'>>): void {
    Object.assign(this, change);
    this.changed.emit();
  }

  /** The curve of each run, in their order, so that a run has the same colour in every chart. */
  seriesOf(metric: string): Series[] {
    return this.comparison!.runs.map(({ id }, i) => {
      const found = this.curves[id]?.[metric];
      return { label: this.labels[i], x: found ? this.xOf(found) : [], y: found?.value.map(Number) ?? [] };
    });
  }

  private xOf({ step, time, value, count }: MetricColumns): number[] {
    if (this.xAxis === 'time') {
      return time;
    }
    const every = (count - 1) / Math.max(1, value.length - 1);
    return value.map((_, i) => step?.[i] ?? Math.round(i * every)); // without steps values are counted, of which some were thinned out
  }

  private isOurs(id: string): boolean {
    return !!this.comparison?.runs.some(run => run.id === id && isLive(run));
  }

  private load = async (): Promise<void> => {
    this.waiting = 0;
    try {
      const isFirst = this.comparison === null;
      this.comparison = await compareRuns(this.server.api, this.ids, true);
      this.labels = labelsOf(this.comparison);
      this.trouble = '';
      if (isFirst) {
        this.chosen = this.metrics.slice(0, MOST_AT_FIRST);
      }
      this.changed.emit();
      await this.draw();
    } catch (error) {
      this.fail(error);
    }
  };

  private async draw(): Promise<void> {
    const { chosen, comparison } = this;
    if (!chosen.length || !comparison) {
      return;
    }
    const ids = comparison.runs.map(({ id }) => id);
    const points = Math.max(100, Math.min(1000, Math.floor(MOST_POINTS / ids.length)));
    try {
      const curves = await metricsOf(this.server.api, ids, chosen, points);
      if (chosen === this.chosen) { // else others were chosen meanwhile
        this.curves = curves;
        this.drawn.emit();
      }
    } catch (error) {
      this.fail(error);
    }
  }

  private fail(error: unknown): void {
    this.trouble = error instanceof Error ? error.message : String(error);
    this.changed.emit();
  }
}

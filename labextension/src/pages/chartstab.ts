/** Charts of a run: its metrics with those of the run before behind them, and what it used of devices and memory. */
import { ChartBoard, Panel } from '../charts/board';
import type { Series, XAxis } from '../charts/chart';
import { points } from '../charts/points';
import * as format from '../look/format';
import { Metrics, RunRequests, Samples } from '../server/requests';
import { isLive, Run } from '../server/types';
import { note, PageParts, Tab } from './tab';

const POINTS = 2000;
const REFRESH_MS = 2000;

export class ChartsTab extends Tab {
  private board: ChartBoard;
  private empty: HTMLElement;
  private ghost: { run: Run; metrics: Metrics } | null = null;
  private lookedForGhost = false;
  private timer = 0;

  constructor(parts: PageParts) {
    super('charts', parts.trans.__('Charts'), parts);
    this.board = new ChartBoard({ trans: parts.trans, key: `gpurun-${parts.requests.id}` });
    this.addWidget(this.board);
    this.board.hide();
    this.empty = note(this.node, parts.trans.__('Nothing was measured yet. A run logs metrics with report.log(loss=...).'));
  }

  dispose(): void {
    if (!this.isDisposed) {
      clearTimeout(this.timer);
      super.dispose();
    }
  }

  protected async load(): Promise<void> {
    const { requests } = this.parts;
    const [metrics, samples] = await Promise.all([requests.metrics(POINTS), requests.samples(POINTS)]);
    if (!this.lookedForGhost) {
      this.ghost = await this.findGhost();
      this.lookedForGhost = true;
    }
    if (!this.isDisposed) {
      this.draw(metrics, samples);
      this.again();
    }
  }

  /** While the run goes on and somebody looks, the curves grow. */
  private again(): void {
    clearTimeout(this.timer);
    if (this.run && isLive(this.run)) {
      this.timer = window.setTimeout(() => {
        if (this.isVisible) { // hidden, it asks nothing, and goes on when it is looked at
          void this.load().catch(() => this.again()); // the connection is down: the header says so
        } else {
          this.again();
        }
      }, REFRESH_MS);
    }
  }

  private async findGhost(): Promise<{ run: Run; metrics: Metrics } | null> {
    const { requests } = this.parts;
    const { run } = await requests.previous();
    return run && { run, metrics: await new RunRequests(requests.api, run.id).metrics(POINTS) };
  }

  private draw(metrics: Metrics, samples: Samples): void {
    const names = Object.keys(metrics.metrics).filter(name => name !== 'epoch');
    const panels = [...names.map(name => this.metricPanel(name, metrics)), ...samplePanels(samples, this.parts)];
    const measured = Object.values(metrics.metrics);
    const axes: XAxis[] = [
      ...(!measured.length || measured.some(one => one.step) ? (['step'] as const) : []),
      'time',
      ...(measured.some(one => one.epoch) ? (['epoch'] as const) : [])
    ];
    this.empty.hidden = panels.length > 0;
    this.board.setHidden(!panels.length);
    this.board.setAxes(axes);
    this.board.setPanels(panels);
  }

  private metricPanel(name: string, { metrics }: Metrics): Panel {
    const label = this.run?.name ?? this.parts.requests.id;
    const behind = this.ghost?.metrics.metrics[name];
    return {
      title: name,
      series: axis => [
        ...(behind && this.ghost ? [{ ...points(behind, axis), label: this.ghostLabel(label), dashed: true }] : []),
        { ...points(metrics[name], axis), label, color: undefined }
      ]
    };
  }

  private ghostLabel(label: string): string {
    const { name, id } = this.ghost!.run;
    return this.parts.trans.__('the run before: %1', name === label ? id : name);
  }
}

/** Use of devices in percent, memory of devices, memory of the run's processes. */
function samplePanels({ samples }: Samples, { trans }: PageParts): Panel[] {
  const of = (what: string) =>
    Object.entries(samples)
      .filter(([name]) => name.split(' ')[0] === what)
      .map(([name, { time, value }]): Series => ({ label: name.slice(what.length + 1) || trans.__('processes'), x: time, y: value }));
  const panel = (title: string, series: Series[], more: Partial<Panel>): Panel[] =>
    series.length ? [{ title, fixed: true, only: 'time', series: () => series, ...more }] : [];
  return [
    ...panel(trans.__('Use of the GPU'), of('util'), { upTo: 100, format: x => `${Math.round(x)} %` }),
    ...panel(trans.__('Memory of the GPU'), of('mem'), { upTo: 2 ** 30, format: format.size }),
    ...panel(trans.__('Memory'), of('rss'), { upTo: 2 ** 27, format: format.size })
  ];
}

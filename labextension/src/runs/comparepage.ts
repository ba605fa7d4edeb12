/** The Compare page: curves of several runs overlaid, and below them what differs. */
import { MainAreaWidget } from '@jupyterlab/apputils';
import type { Message } from '@lumino/messaging';
import { Panel, Widget } from '@lumino/widgets';
import { Chart } from '../charts/chart';
import { element } from '../look/dom';
import { gpuIcon } from '../look/icons';
import { addStylesheet } from '../look/stylesheet';
import type { Translate } from '../look/words';
import type { ReadOnly } from '../pages/readonly';
import type { IRunServer } from '../server/server';
import { makeCompareBar } from './comparebar';
import { CompareModel } from './comparemodel';
import { makeCompareTable } from './comparetable';
import { DifferenceSection } from './difference';

export interface ComparePageOptions {
  server: IRunServer;
  trans: Translate;
  ids: readonly string[];
  openRun: (id: string) => void;
  readOnly: ReadOnly;
}

export class ComparePanel extends Panel {
  readonly ids: string[];
  private model: CompareModel;
  private charts = new Map<string, Chart>();
  private place = new Panel();
  private shown = '';

  constructor(private options: ComparePageOptions) {
    super();
    const { server, trans, ids } = options;
    this.ids = [...ids];
    this.model = new CompareModel(server, ids);
    this.id = `gpurun-compare-${ids.join('-')}`;
    this.addClass('gpurun-comparepage');
    this.title.label = trans._n('Compare %1 run', 'Compare %1 runs', ids.length);
    this.title.icon = gpuIcon;
    this.title.closable = true;
    this.place.addClass('gpurun-comparecharts');
    this.addWidget(title(trans.__('Comparison of %1 runs', ids.length)));
    this.addWidget(makeCompareBar(this.model, trans));
    this.addWidget(this.place);
    this.addWidget(makeCompareTable({ model: this.model, trans, openRun: options.openRun }));
    this.addWidget(new DifferenceSection(this.model, trans, options.readOnly));
    this.model.changed.connect(this.showChosen, this);
    this.model.drawn.connect(() => {
      this.fill();
      this.node.dataset.drawn = [...this.charts.keys()].join();
    });
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.model.dispose();
      super.dispose();
    }
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    addStylesheet(this.node);
    if (this.isVisible) { // what is attached in sight gets no after-show
      this.model.start();
    }
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.model.start();
  }

  protected onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this.model.pause();
  }

  protected onActivateRequest(): void {
    this.node.tabIndex = -1;
    this.node.focus();
  }

  /** A chart for each metric that was chosen, in their order, drawn as it was asked for. */
  private showChosen(): void {
    const { chosen, xAxis, smoothing, logScale } = this.model;
    for (const [name, chart] of this.charts) {
      if (!chosen.includes(name)) {
        chart.dispose();
        this.charts.delete(name);
      }
    }
    chosen.forEach((name, i) => this.place.insertWidget(i, this.chartOf(name)));
    for (const chart of this.charts.values()) {
      chart.setSmoothing(smoothing);
      chart.setLogScale(logScale);
      chart.setXAxis(xAxis);
    }
    if (this.shown !== xAxis) {
      this.shown = xAxis;
      this.fill();
    }
  }

  private chartOf(name: string): Chart {
    let chart = this.charts.get(name);
    if (!chart) {
      chart = new Chart({ title: name, trans: this.options.trans, sync: this.id, height: 240 });
      this.charts.set(name, chart);
    }
    return chart;
  }

  private fill(): void {
    if (this.model.hasCurves) {
      this.charts.forEach((chart, name) => chart.setSeries(this.model.seriesOf(name)));
    }
  }
}

function title(text: string): Widget {
  const widget = new Widget({ node: element('h1', 'gpurun-page-title') });
  widget.node.textContent = text;
  return widget;
}

export type ComparePage = MainAreaWidget<ComparePanel>;

/** The page that compares these runs, to be added to the main area. */
export function makeComparePage(options: ComparePageOptions): ComparePage {
  const page = new MainAreaWidget({ content: new ComparePanel(options) });
  page.toolbar.hide();
  return page;
}

/** Several charts with one x axis, one cursor and one row of switches: what x counts, smoothing, logarithm, zoom. */
import { Panel as Stack, Widget } from '@lumino/widgets';
import { element } from '../look/dom';
import type { Translate } from '../look/words';
import { Chart, ChartOptions, Series, XAxis } from './chart';

/** One chart of a board; `fixed` ones are not smoothed and have no logarithm: their scale is known. */
export interface Panel extends Omit<ChartOptions, 'trans' | 'xAxis' | 'sync'> {
  fixed?: boolean;
  /** The x axis that it has whatever is chosen. */
  only?: XAxis;
  series: (axis: XAxis) => Series[];
}

export interface BoardOptions {
  trans: Translate;
  /** Charts of one board share their cursor by this key. */
  key: string;
}

export class ChartBoard extends Stack {
  private switches = element('div', 'gpurun-board-switches');
  private grid = new Stack();
  private charts = new Map<string, { chart: Chart; panel: Panel }>();
  private axis: XAxis = 'step';
  private axes: HTMLSelectElement;
  private smoothing: HTMLInputElement;
  private log: HTMLInputElement;
  private reset: HTMLButtonElement;

  constructor(private options: BoardOptions) {
    super();
    this.addClass('gpurun-board');
    const { trans } = options;
    this.axes = this.select(trans.__('X axis'));
    this.smoothing = this.input('range', trans.__('Smoothing'), () => this.each(chart => chart.setSmoothing(this.weight)));
    Object.assign(this.smoothing, { min: '0', max: '0.99', step: '0.01', value: '0' });
    this.log = this.input('checkbox', trans.__('Log scale'), () => this.each(chart => chart.setLogScale(this.log.checked)));
    this.reset = element('button', 'gpurun-small-button', this.switches);
    this.reset.type = 'button';
    this.reset.textContent = trans.__('Reset zoom');
    this.reset.disabled = true;
    this.reset.addEventListener('click', () => this.charts.forEach(({ chart }) => chart.resetZoom()));
    this.grid.addClass('gpurun-board-grid');
    this.addWidget(new Widget({ node: this.switches }));
    this.addWidget(this.grid);
  }

  /** Which x axes there are; the first is chosen where the present one is not among them. */
  setAxes(axes: readonly XAxis[]): void {
    const { trans } = this.options;
    const names: Record<XAxis, string> = { step: trans.__('Step'), time: trans.__('Time'), epoch: trans.__('Epoch') };
    if ([...this.axes.options].map(option => option.value).join() !== axes.join()) {
      this.axes.replaceChildren(...axes.map(axis => new Option(names[axis], axis)));
      this.axis = axes.includes(this.axis) ? this.axis : axes[0];
      this.axes.value = this.axis;
    }
  }

  /** Draw these charts, in this order; those that are there already only get their new points. */
  setPanels(panels: readonly Panel[]): void {
    const gone = [...this.charts.keys()].filter(title => !panels.some(panel => panel.title === title));
    gone.forEach(title => {
      this.charts.get(title)?.chart.dispose();
      this.charts.delete(title);
    });
    panels.forEach(panel => this.place(panel));
  }

  private get weight(): number {
    return Number(this.smoothing.value);
  }

  private place(panel: Panel): void {
    const axis = panel.only ?? this.axis;
    let shown = this.charts.get(panel.title);
    if (!shown) {
      // Only charts that count the same on their x axis have one cursor.
      const chart = new Chart({ ...panel, trans: this.options.trans, xAxis: axis, sync: `${this.options.key}-${axis}` });
      shown = { chart, panel };
      this.charts.set(panel.title, shown);
      this.grid.addWidget(chart);
      chart.zoomChanged.connect((_, zoomed) => (this.reset.disabled = !zoomed));
      if (!panel.fixed) {
        chart.setSmoothing(this.weight);
        chart.setLogScale(this.log.checked);
      }
    }
    shown.panel = panel;
    shown.chart.setSeries(panel.series(axis));
  }

  /** Do something with each chart that has no fixed scale. */
  private each(act: (chart: Chart) => void): void {
    this.charts.forEach(({ chart, panel }) => panel.fixed || act(chart));
  }

  private chooseAxis(): void {
    this.axis = this.axes.value as XAxis;
    const shown = [...this.charts.values()].map(({ panel }) => panel);
    this.charts.forEach(({ chart }) => chart.dispose()); // the key of their cursor holds the axis
    this.charts.clear();
    this.setPanels(shown);
  }

  private select(label: string): HTMLSelectElement {
    const made = element('select', 'gpurun-board-axis');
    this.labelled(made, label);
    made.addEventListener('change', () => this.chooseAxis());
    return made;
  }

  private input(type: string, label: string, changed: () => void): HTMLInputElement {
    const made = element('input', `gpurun-board-${type}`);
    made.type = type;
    this.labelled(made, label);
    made.addEventListener('input', changed);
    return made;
  }

  private labelled(control: HTMLElement, text: string): void {
    const label = element('label', 'gpurun-board-switch', this.switches);
    label.append(text, control);
  }
}

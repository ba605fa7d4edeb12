/** The Runs page: filters above, the table, and what can be done with selected runs below. */
import { MainAreaWidget } from '@jupyterlab/apputils';
import { Signal } from '@lumino/signaling';
import type { Message } from '@lumino/messaging';
import { Panel } from '@lumino/widgets';
import { gpuIcon } from '../look/icons';
import { addStylesheet } from '../look/stylesheet';
import type { Translate } from '../look/words';
import type { IRunServer } from '../server/server';
import { chooseColumns } from './columnchooser';
import { makeFilterBar } from './filterbar';
import { RunsModel, RunsState } from './runsmodel';
import { Actions, makeSelectionBar } from './selectionbar';
import { RunsTable } from './table';

const CLOCK_MS = 5000; // how often ages and durations are drawn anew

export interface RunsPageOptions {
  server: IRunServer;
  trans: Translate;
  state: RunsState;
  openRun: (id: string) => void;
  exportRuns: () => void;
  actions: () => Actions;
}

export class RunsPanel extends Panel {
  readonly model: RunsModel;
  /** Emitted when what a restored page has to know changed. */
  readonly stateChanged = new Signal<this, void>(this);
  private table: RunsTable;
  private clock = 0;
  private drawn = '';

  constructor(private options: RunsPageOptions) {
    super();
    const { server, trans, state } = options;
    this.model = new RunsModel(server, trans, state);
    this.table = new RunsTable(this.model.rows, this.model.selection, trans);
    this.id = 'gpurun-runs';
    this.addClass('gpurun-runspage');
    this.title.label = trans.__('Runs');
    this.title.caption = trans.__('All runs: filter, sort, compare');
    this.title.icon = gpuIcon;
    this.title.closable = true;
    this.addWidget(
      makeFilterBar({
        model: this.model,
        trans,
        chooseColumns: () => void this.chooseColumns(),
        exportAll: options.exportRuns,
        showNews: () => {
          this.table.scrollToTop();
          this.model.reload();
        }
      })
    );
    this.addWidget(this.table);
    this.addWidget(makeSelectionBar(this.model.selection, options.actions, trans));
    this.model.mayMove = () => this.table.isAtTop;
    this.model.changed.connect(this.refresh, this);
    this.table.opened.connect((_, id) => options.openRun(id));
    this.table.head.sorted.connect((_, sort) => {
      this.table.scrollToTop();
      this.model.filter({ sort });
    });
    this.refresh();
  }

  dispose(): void {
    if (!this.isDisposed) {
      clearInterval(this.clock);
      this.model.dispose();
      Signal.clearData(this);
      super.dispose();
    }
  }

  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    addStylesheet(this.node);
    this.begin();
  }

  protected onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.begin();
  }

  protected onAfterHide(message: Message): void {
    super.onAfterHide(message);
    clearInterval(this.clock);
    this.clock = 0;
    this.model.pause();
  }

  protected onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    this.table.activate();
  }

  private begin(): void {
    if (this.isVisible) {
      this.clock ||= window.setInterval(() => this.table.redraw(), CLOCK_MS);
      this.model.start();
      this.table.redraw();
    }
  }

  /** Columns are drawn anew only where others are shown, or the list is sorted otherwise. */
  private refresh(): void {
    const { shown } = this.model.columns;
    const { sort } = this.model.filters;
    const drawn = [...shown.map(({ key }) => key), sort].join('\n');
    if (drawn !== this.drawn) {
      this.drawn = drawn;
      this.table.setColumns(shown, sort);
    }
    this.stateChanged.emit();
  }

  private async chooseColumns(): Promise<void> {
    const { all, shown } = this.model.columns;
    const keys = await chooseColumns(all, shown.map(({ key }) => key), this.options.trans);
    if (keys) {
      this.model.showColumns(keys);
    }
    this.table.activate();
  }
}

export type RunsPage = MainAreaWidget<RunsPanel>;

/** The Runs page, to be added to the main area. */
export function makeRunsPage(options: RunsPageOptions): RunsPage {
  const page = new MainAreaWidget({ content: new RunsPanel(options) });
  page.toolbar.hide();
  return page;
}

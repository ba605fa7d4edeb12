/** What the Runs page is: filters, the rows that fulfil them, which columns are shown, which runs are selected. */
import { Signal } from '@lumino/signaling';
import { RequestError } from '../server/api';
import type { Stop } from '../server/live';
import type { IRunServer } from '../server/server';
import type { Run } from '../server/types';
import type { Translate } from '../look/words';
import { Column, columnsOf, firstKeys, metricsAmong } from './cells';
import { Columns, Filters, findColumns, NO_FILTERS } from './query';
import { Rows } from './rows';
import { Selection } from './selection';

const TYPING_MS = 250; // a list is asked for when somebody stops typing for this long
const NEWS_MS = 1000; // however many runs change, a list is asked for again at most this often
const OF_CONDITION = /^At character (\d+) of the condition: /;

export interface RunsState {
  filters: Filters;
  /** Keys of the columns shown; null for those that are shown at first. */
  columns: string[] | null;
}

export class RunsModel {
  readonly rows: Rows;
  readonly selection: Selection;
  /** Emitted when filters, columns, or what is said beside the table changed. */
  readonly changed = new Signal<this, void>(this);
  known: Columns = { columns: [], metrics: [], parameters: [], projects: [], owners: [], tags: [] };
  /** Whether runs came that a list which is scrolled down does not show yet. */
  news = false;
  /** A sentence about the condition, and one about anything else that went wrong. */
  mistake = '';
  trouble = '';
  /** Whether the table stands at its top, where new runs may appear. */
  mayMove: () => boolean = () => true;
  private typing = 0;
  private waiting = 0;
  private told = new Set<string>(); // the metrics of the runs that came while it waited
  private stop: Stop | null = null;

  constructor(
    readonly server: IRunServer,
    private trans: Translate,
    readonly state: RunsState
  ) {
    this.rows = new Rows(server.api, state.filters, () => metricsAmong(this.keys));
    this.selection = new Selection(this.rows);
    this.rows.answered.connect((_, error) => this.answered(error));
  }

  get filters(): Filters {
    return this.state.filters;
  }

  /** Every column there can be; those that are shown in their order. */
  get columns(): { all: Column[]; shown: Column[] } {
    const all = columnsOf(this.known, this.trans);
    return { all, shown: this.keys.map(key => all.find(column => column.key === key)).filter(column => !!column) };
  }

  private get keys(): string[] {
    return this.state.columns ?? firstKeys(this.known);
  }

  get isFiltered(): boolean {
    return Object.entries(this.filters).some(([name, text]) => name !== 'sort' && text.trim());
  }

  /** Begin to list and to watch. */
  start(): void {
    if (!this.stop) {
      this.stop = this.server.live.watchRuns(this.takeRuns);
      this.rows.reload();
      void this.learn();
    }
  }

  /** Stop watching while the page is out of sight. */
  pause(): void {
    this.stop?.();
    this.stop = null;
  }

  dispose(): void {
    this.pause();
    clearTimeout(this.typing);
    clearTimeout(this.waiting);
    this.rows.dispose();
    Signal.clearData(this);
  }

  /** Other filters, or another order; `soon` while somebody types. */
  filter(change: Partial<Filters>, soon = false): void {
    this.state.filters = { ...this.filters, ...change };
    clearTimeout(this.typing);
    this.typing = window.setTimeout(() => this.search(), soon ? TYPING_MS : 0);
    this.changed.emit();
  }

  clear(): void {
    this.filter({ ...NO_FILTERS, sort: this.filters.sort });
  }

  showColumns(keys: string[]): void {
    this.state.columns = keys;
    this.rows.reload();
    this.changed.emit();
  }

  /** Show the list as it is now. */
  reload(): void {
    this.news = false;
    this.rows.reload();
    this.changed.emit();
  }

  private search(): void {
    this.news = false;
    this.selection.restart();
    this.rows.search(this.filters);
  }

  /** Which metrics, parameters and projects there are. */
  private async learn(): Promise<void> {
    try {
      const before = metricsAmong(this.keys).join('\n');
      this.known = await findColumns(this.server.api);
      if (metricsAmong(this.keys).join('\n') !== before) {
        this.rows.reload(); // those that came lack the metrics that are shown now
      }
      this.changed.emit();
    } catch {
      return; // what is wrong is said where rows are asked for
    }
  }

  private answered(error: unknown): void {
    const message = error === null ? '' : error instanceof Error ? error.message : String(error);
    const isMistake = error instanceof RequestError && OF_CONDITION.test(message);
    this.mistake = isMistake ? message : '';
    this.trouble = isMistake ? '' : message;
    this.changed.emit();
  }

  private takeRuns = (runs: Run[], first: boolean): void => {
    let isNew = first;
    for (const run of runs) {
      this.selection.update(run);
      Object.keys(run.metrics).forEach(name => this.told.add(name));
      isNew = !this.rows.update(run) || !!run.deleted || isNew;
    }
    this.rows.changed.emit();
    this.selection.changed.emit();
    if (isNew || this.isFiltered || this.filters.sort || runs.some(run => this.lacks(run))) {
      this.waiting ||= window.setTimeout(() => this.takeNews(), NEWS_MS);
    }
  };

  /** Whether a column shows a metric that is not told with every change of the run. */
  private lacks(run: Run): boolean {
    return !!run.more_metrics && metricsAmong(this.keys).some(name => !(name in run.metrics));
  }

  /** A list that stands at its top shows what is new; another stays as it is and says that there is something. */
  private takeNews(): void {
    this.waiting = 0;
    if ([...this.told].some(name => !this.known.metrics.includes(name))) {
      void this.learn();
    }
    this.told.clear();
    if (this.mayMove()) {
      this.reload();
    } else {
      this.news = true;
      this.changed.emit();
    }
  }
}

/**
 * The rows of a list of any length, of which only windows are fetched. One request is under way at a time: a person who
 * scrolls on meanwhile gets what is in sight then, and nothing in between.
 */
import { Signal } from '@lumino/signaling';
import type { Api } from '../server/api';
import type { Run } from '../server/types';
import { Filters, findRuns, Page } from './query';

/** A run with what the list knows of it beside the run itself. */
export interface Row {
  run: Run;
  parameters: Record<string, string>;
}

export const WINDOW = 100;
const MOST_KEPT = 5_000; // rows, however far somebody scrolls

export class Rows {
  /** How many there are; null before the server has said it. */
  total: number | null = null;
  /** Emitted when rows or the total changed. */
  readonly changed = new Signal<this, void>(this);
  /** Emitted with what the server refused, or null when it answered. */
  readonly answered = new Signal<this, unknown>(this);
  private rows = new Map<number, Row>();
  private places = new Map<string, number>();
  private first = 0;
  private last = WINDOW;
  private asking = false;
  private stale = true;
  private failed = false; // what was refused is not asked for again before something changes
  private series = 0; // of filters: an answer to an earlier one is not for this list

  constructor(
    private api: Api,
    private filters: Filters,
    private metrics: () => readonly string[] = () => [] // that are shown
  ) {}

  at(place: number): Row | undefined {
    return this.rows.get(place);
  }

  placeOf(id: string): number | undefined {
    return this.places.get(id);
  }

  /** List others, or in another order. What is shown stays until they are there. */
  search(filters: Filters): void {
    this.filters = filters;
    this.series++;
    this.asking = false; // the answer to the question before is for nobody
    [this.first, this.last] = [0, WINDOW];
    this.reload();
  }

  /** Fetch what is in sight again. */
  reload(): void {
    this.stale = true;
    this.failed = false;
    void this.fill();
  }

  /** These rows are in sight. */
  show(first: number, last: number): void {
    this.failed &&= first === this.first; // who scrolls asks for something else
    this.first = first;
    this.last = last;
    void this.fill();
  }

  /** A run changed, of which only the first metrics are told; says whether it is in the list as far as that is known. */
  update(run: Run): boolean {
    const place = this.places.get(run.id);
    const row = place === undefined ? undefined : this.rows.get(place);
    if (place === undefined || !row) {
      return false;
    }
    const isAnew = run.attempt !== row.run.attempt || !Object.keys(run.metrics).length;
    this.rows.set(place, { ...row, run: isAnew ? run : { ...run, metrics: { ...row.run.metrics, ...run.metrics } } });
    return true;
  }

  dispose(): void {
    this.series++;
    Signal.clearData(this);
  }

  private async fill(): Promise<void> {
    const isAnew = this.stale;
    const place = isAnew ? Math.max(0, this.first - (this.first % 20)) : this.gap();
    if (place === null || this.asking || this.failed) {
      return;
    }
    const { series } = this;
    this.asking = true;
    this.stale = false; // before the answer: a change meanwhile makes it stale again
    try {
      const limit = Math.max(WINDOW, Math.min(1000, this.last - place));
      const page = await findRuns(this.api, this.filters, place, limit, this.metrics());
      if (series === this.series) {
        this.asking = false;
        this.take(place, page, isAnew);
        this.answered.emit(null);
        void this.fill(); // other rows may be in sight by now
      }
    } catch (error) {
      if (series === this.series) {
        this.asking = false;
        this.failed = true;
        this.answered.emit(error);
      }
    }
  }

  /** The first row in sight that is not here. */
  private gap(): number | null {
    for (let place = this.first; place < Math.min(this.last, this.total ?? Infinity); place++) {
      if (!this.rows.has(place)) {
        return place;
      }
    }
    return null;
  }

  /** Rows that were fetched before may have moved where the list is fetched anew, or has another length. */
  private take(offset: number, page: Page, isAnew: boolean): void {
    if (isAnew || page.total !== this.total || this.rows.size > MOST_KEPT) {
      this.rows.clear();
      this.places.clear();
    }
    this.total = page.total;
    page.runs.forEach((run, i) => {
      this.rows.set(offset + i, { run, parameters: page.parameters[run.id] ?? {} });
      this.places.set(run.id, offset + i);
    });
    this.changed.emit();
  }
}

/** Which runs are selected, and the row that the keyboard is at. Runs stay selected when they are scrolled out of sight. */
import { Signal } from '@lumino/signaling';
import type { Run } from '../server/types';
import type { Rows } from './rows';

const MOST = 500;

export class Selection {
  readonly changed = new Signal<this, void>(this);
  /** The row that the keyboard is at. */
  active: number | null = null;
  private anchor = 0;
  private chosen = new Map<string, Run>();

  constructor(private rows: Rows) {}

  get runs(): Run[] {
    return [...this.chosen.values()];
  }

  get ids(): string[] {
    return [...this.chosen.keys()];
  }

  has(id: string): boolean {
    return this.chosen.has(id);
  }

  /** Only this row. */
  only(place: number): void {
    this.chosen.clear();
    this.add(place);
    this.anchor = place;
    this.point(place);
  }

  toggle(place: number): void {
    const id = this.rows.at(place)?.run.id;
    if (id !== undefined && !this.chosen.delete(id)) {
      this.add(place);
    }
    this.anchor = place;
    this.point(place);
  }

  /** All rows from the last that was chosen to this one, as far as they have been fetched. */
  through(place: number): void {
    this.chosen.clear();
    const [from, to] = [Math.min(this.anchor, place), Math.max(this.anchor, place)];
    for (let row = from; row <= to && this.chosen.size < MOST; row++) {
      this.add(row);
    }
    this.point(place);
  }

  /** The keyboard is at this row. */
  point(place: number): void {
    this.active = place;
    this.changed.emit();
  }

  /** A run changed. */
  update(run: Run): void {
    if (run.deleted) {
      this.chosen.delete(run.id);
    } else if (this.chosen.has(run.id)) {
      this.chosen.set(run.id, run);
    }
  }

  clear(): void {
    this.chosen.clear();
    this.changed.emit();
  }

  /** Another list: no row of it is active. */
  restart(): void {
    this.active = null;
    this.anchor = 0;
    this.chosen.clear();
    this.changed.emit();
  }

  private add(place: number): void {
    const run = this.rows.at(place)?.run;
    if (run) {
      this.chosen.set(run.id, run);
    }
  }
}

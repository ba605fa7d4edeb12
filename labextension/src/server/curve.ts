/** A metric's values as they are drawn small: few, whatever a run logs. Thins out as gpurun_jupyter/core/curves.py does. */
import type { Measured } from './types';

const MOST_VALUES = 200;

export class Curve {
  private last: Measured | null = null;

  constructor(
    private every = 1,
    private values: Measured[] = [],
    private seen = 0
  ) {}

  add(value: Measured): void {
    if (this.seen++ % this.every === 0) {
      this.values.push(value);
    }
    this.last = value;
    if (this.values.length > MOST_VALUES) {
      this.values = this.values.filter((_, i) => i % 2 === 0);
      this.every *= 2;
    }
  }

  /** The values to draw, the newest among them. */
  get points(): readonly Measured[] {
    return this.last === null || (this.seen - 1) % this.every === 0 ? this.values : [...this.values, this.last];
  }

  /** Put what came before in front. */
  after({ every, values, seen }: { every: number; values: Measured[]; seen: number }): Curve {
    const whole = new Curve(every, [...values], seen);
    this.points.forEach(value => whole.add(value));
    return whole;
  }
}

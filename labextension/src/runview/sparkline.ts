/** A curve of the size of a word: how a metric went. It is decoration; whoever uses it says the values in words. */

import type { Measured } from '../server/types';

const WIDTH = 56;
const HEIGHT = 14;
const EDGE = 1.5; // room for the stroke
const NAMESPACE = 'http://www.w3.org/2000/svg';

export class Sparkline {
  readonly node = document.createElementNS(NAMESPACE, 'svg');
  private ghost = document.createElementNS(NAMESPACE, 'path');
  private path = document.createElementNS(NAMESPACE, 'path');
  private drawn = '';

  constructor() {
    this.node.setAttribute('class', 'gpurun-curve');
    this.node.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    this.node.setAttribute('aria-hidden', 'true');
    this.ghost.setAttribute('class', 'gpurun-ghost');
    this.node.append(this.ghost, this.path);
  }

  /** Draw the values, and behind them those of the run before; `pace` is how far this run is, measured by that one. */
  show(measured: readonly Measured[], before: readonly Measured[] = [], pace = 1): void {
    const [values, ghost] = [measured.map(Number), before.map(Number)];
    const range = rangeOf([...values, ...ghost]);
    const d = curvePath(values, range, Math.min(1, pace));
    const behind = curvePath(ghost, range, Math.min(1, 1 / pace));
    if (d + behind !== this.drawn) {
      this.drawn = d + behind;
      this.path.setAttribute('d', d);
      this.ghost.setAttribute('d', behind);
    }
  }
}

type Range = readonly [low: number, high: number];

function rangeOf(values: readonly number[]): Range {
  const finite = values.filter(Number.isFinite);
  return [finite.reduce((a, b) => Math.min(a, b), Infinity), finite.reduce((a, b) => Math.max(a, b), -Infinity)];
}

/** The values as a path over a `share` of the width, lowest at the bottom; a gap where one is not finite. */
export function curvePath(values: readonly number[], [low, high]: Range = rangeOf(values), share = 1): string {
  if (values.filter(Number.isFinite).length < 2) {
    return '';
  }
  const range = high - low;
  const x = (i: number) => EDGE + (i / (values.length - 1)) * (WIDTH - 2 * EDGE) * share;
  const y = (value: number) => (range ? EDGE + (1 - (value - low) / range) * (HEIGHT - 2 * EDGE) : HEIGHT / 2);
  let pen = 'M';
  return values
    .map((value, i) => {
      const step = Number.isFinite(value) ? `${pen}${x(i).toFixed(1)} ${y(value).toFixed(1)}` : '';
      pen = step ? 'L' : 'M';
      return step;
    })
    .join('');
}

/** A curve of the size of a word: how a metric went. It is decoration; whoever uses it says the values in words. */

const WIDTH = 56;
const HEIGHT = 14;
const EDGE = 1.5; // room for the stroke
const NAMESPACE = 'http://www.w3.org/2000/svg';

export class Sparkline {
  readonly node = document.createElementNS(NAMESPACE, 'svg');
  private path = document.createElementNS(NAMESPACE, 'path');
  private drawn = '';

  constructor() {
    this.node.setAttribute('class', 'gpurun-curve');
    this.node.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    this.node.setAttribute('aria-hidden', 'true');
    this.node.append(this.path);
  }

  show(values: readonly number[]): void {
    const d = curvePath(values);
    if (d !== this.drawn) {
      this.drawn = d;
      this.path.setAttribute('d', d);
    }
  }
}

/** The values as a path over the whole width, lowest at the bottom; a gap where one is not finite. */
export function curvePath(values: readonly number[]): string {
  const finite = values.filter(Number.isFinite);
  if (finite.length < 2) {
    return '';
  }
  const low = finite.reduce((a, b) => Math.min(a, b));
  const range = finite.reduce((a, b) => Math.max(a, b)) - low;
  const x = (i: number) => EDGE + (i / (values.length - 1)) * (WIDTH - 2 * EDGE);
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

/**
 * Curves made ready to be drawn together: smoothed, and put on one row of x values as uPlot wants it. However many points
 * there are, only as many are drawn as the screen has columns, the lowest and the highest of each.
 */

/** A curve. `x` grows; a gap in `y` is null or not finite. */
export interface Series {
  label: string;
  /** A CSS colour; by default one of the palette. */
  color?: string;
  /** Drawn with dashes, behind the others: the curve of another run. */
  dashed?: boolean;
  x: ArrayLike<number>;
  y: ArrayLike<number | null>;
}

/** x values, then the y values of each curve. */
export type Aligned = [number[], ...(number | null | undefined)[][]];

/** Up to so many values are put together as they are. */
const MOST_CELLS = 40_000;

/** Exponential moving average without the drag of its first value; a `weight` of 0 changes nothing, near 1 smooths most. */
export function smooth(y: ArrayLike<number | null>, weight: number): ArrayLike<number | null> {
  if (weight <= 0) {
    return y;
  }
  const smoothed: (number | null)[] = [];
  let mean = 0;
  let share = 0;
  for (let i = 0; i < y.length; i++) {
    const value = y[i];
    if (value === null || !Number.isFinite(value)) {
      smoothed.push(null);
      continue;
    }
    mean = mean * weight + value * (1 - weight);
    share = share * weight + (1 - weight);
    smoothed.push(mean / share);
  }
  return smoothed;
}

/** The first and the last x of all curves; null where there is no point. */
export function extent(series: readonly Series[]): [number, number] | null {
  const some = series.filter(({ x }) => x.length);
  if (!some.length) {
    return null;
  }
  return [Math.min(...some.map(({ x }) => x[0])), Math.max(...some.map(({ x }) => x[x.length - 1]))];
}

/** Whether a curve may take the place of another without anything but its points being drawn anew. */
export function isLike(one: Series, other: Series): boolean {
  return one.label === other.label && !one.dashed === !other.dashed && one.x.length === 1 === (other.x.length === 1);
}

/** Put curves on one row of x values; of many points those of `columns` columns from `from` to `to`, and the outermost x. */
export function align(series: readonly Series[], from: number, to: number, columns: number): Aligned {
  const xs = oneRow(series);
  return xs ? [xs, ...series.map(one => onRow(one, xs))] : inColumns(series, from, to, columns);
}

/** All x values in order, each once; null where that is too much to draw. */
function oneRow(series: readonly Series[]): number[] | null {
  const points = series.reduce((sum, { x }) => sum + x.length, 0);
  if (points > MOST_CELLS) {
    return null;
  }
  const xs = [...new Set(series.flatMap(({ x }) => Array.from(x)))].sort((a, b) => a - b);
  return xs.length * series.length > 4 * MOST_CELLS ? null : xs;
}

/** The y values at these x; `undefined` where the curve has no point and the line goes on, null where it breaks. */
function onRow({ x, y }: Series, xs: readonly number[]): (number | null | undefined)[] {
  let at = 0;
  return xs.map(place => {
    let value: number | null | undefined;
    for (; at < x.length && x[at] <= place; at++) {
      value = finite(y[at]); // a step that was logged twice: the later value
    }
    return value;
  });
}

function inColumns(series: readonly Series[], from: number, to: number, columns: number): Aligned {
  const [first, last] = extent(series) ?? [from, to];
  const width = (to - from) / columns || 1;
  const xs = [Math.min(first, from)];
  for (let i = 0; i < columns; i++) {
    xs.push(from + (i + 0.25) * width, from + (i + 0.75) * width); // two places in a column, for its lowest and its highest value
  }
  xs.push(Math.max(last, to));
  return [xs, ...series.map(one => columnsOf(one, from, width, columns))];
}

/** The lowest and the highest value in each column, in the order in which they came. */
function columnsOf({ x, y }: Series, from: number, width: number, columns: number): (number | null | undefined)[] {
  const row = new Array<number | null | undefined>(2 * columns + 2).fill(undefined);
  let at = indexFrom(x, from);
  if (at > 0) {
    row[0] = finite(y[at - 1]); // the line comes in from the left
  }
  for (let column = 0; column < columns; column++) {
    const end = from + (column + 1) * width;
    let low = -1;
    let high = -1;
    for (; at < x.length && (x[at] < end || (column === columns - 1 && x[at] <= end)); at++) {
      const value = finite(y[at]);
      if (value !== null) {
        low = low < 0 || value < (y[low] as number) ? at : low;
        high = high < 0 || value > (y[high] as number) ? at : high;
      }
    }
    if (low >= 0) {
      row[1 + 2 * column] = y[Math.min(low, high)];
      row[2 + 2 * column] = y[Math.max(low, high)];
    }
  }
  if (at < x.length) {
    row[row.length - 1] = finite(y[at]);
  }
  return row;
}

function finite(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}

/** The index of the first x that is not below `from`. */
function indexFrom(x: ArrayLike<number>, from: number): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle] < from) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/** Where curves diverged: the first value that is no finite number is marked, since a line cannot go there. */
import type uPlot from 'uplot';
import type { Series } from './align';
import { themeColour } from './palette';

/** A place where a curve stops being finite: `y` is its last finite value before, if it had one. */
export interface Break {
  x: number;
  y: number | null;
  word: string;
}

const ARM = 4; // pixels from the middle of a mark to its corners
const EDGE = 10; // pixels that a mark keeps from the frame where there is no value to stand at

/** The first place of a curve whose value is NaN or infinite; null where there is none. */
export function breakOf({ x, y }: Series): Break | null {
  let before: number | null = null;
  for (let i = 0; i < y.length; i++) {
    const value = y[i];
    if (value !== null && !Number.isFinite(value)) {
      return { x: x[i], y: before, word: String(value) };
    }
    before = value ?? before;
  }
  return null;
}

/** Draw the marks of curves, each in its colour ('' for a hidden one): a cross, a line down to the axis, and the word. */
export function drawBreaks(plot: uPlot, series: readonly Series[], colourOf: (index: number) => string): void {
  const { ctx, bbox } = plot;
  const ratio = window.devicePixelRatio || 1; // uPlot's canvas has the pixels of the screen
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.lineWidth = 1.5 * ratio;
  ctx.font = `${11 * ratio}px ${themeColour('--jp-ui-font-family', 'sans-serif')}`;
  for (const [i, one] of series.entries()) {
    const [mark, colour] = [breakOf(one), colourOf(i)];
    if (!mark || !colour) {
      continue;
    }
    const { x, y } = placeOf(plot, mark, EDGE * ratio);
    cross(ctx, x, y, ARM * ratio, colour);
    ctx.setLineDash([2 * ratio, 3 * ratio]);
    ctx.stroke(new Path2D(`M${x} ${y}V${bbox.top + bbox.height}`));
    ctx.setLineDash([]);
    const room = ctx.measureText(mark.word).width + 2 * ARM * ratio;
    const isRight = x + room > bbox.left + bbox.width;
    ctx.textAlign = isRight ? 'right' : 'left';
    ctx.fillText(mark.word, x + (isRight ? -1 : 1) * 2 * ARM * ratio, Math.max(y - ARM * ratio, bbox.top + 11 * ratio));
  }
  ctx.restore();
}

function placeOf(plot: uPlot, mark: Break, edge: number): { x: number; y: number } {
  const { top, height } = plot.bbox;
  const y = mark.y === null ? NaN : plot.valToPos(mark.y, 'y', true);
  return { x: plot.valToPos(mark.x, 'x', true), y: Number.isFinite(y) ? y : top + height - edge };
}

function cross(ctx: CanvasRenderingContext2D, x: number, y: number, arm: number, colour: string): void {
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.stroke(new Path2D(`M${x - arm} ${y - arm}L${x + arm} ${y + arm}M${x - arm} ${y + arm}L${x + arm} ${y - arm}`));
}

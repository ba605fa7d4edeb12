/** How a plot looks in JupyterLab: its axes, grid and font. Colours are asked for at each drawing, as the theme may change. */
import type uPlot from 'uplot';
import { themeColour } from './palette';

const FADED = 0.25; // curves beside the one that is pointed at

/** What may lie between the ticks of an axis: whole steps, times as people count them, bytes as they are written. */
const WHOLE = Array.from({ length: 16 }, (_, power) => [1, 2, 5].map(one => one * 10 ** power)).flat();
export const BYTES = Array.from({ length: 40 }, (_, power) => 2 ** (power + 10));
const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SECONDS = [
  ...[0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map(minutes => minutes * MINUTE),
  ...[1, 2, 3, 6, 12].map(hours => hours * HOUR),
  ...[1, 2, 5, 10, 20, 50, 100].map(days => days * DAY)
];

const FEW_STEPS = 4; // parts of an epoch, perhaps: there may be ticks between them

/** What may lie between the ticks of an x axis with this extent. */
export function ticksOf(axis: 'step' | 'time' | 'epoch', [first, last]: readonly [number, number]): number[] | undefined {
  return axis === 'time' ? SECONDS : last - first > FEW_STEPS ? WHOLE : undefined;
}

export interface LookOptions {
  /** How a value is written at each axis. */
  x: (value: number) => string;
  y: (value: number) => string;
  /** What may lie between two ticks of each axis; by default 1, 2, 2.5 or 5 times a power of ten. */
  xTicks?: number[];
  yTicks?: number[];
  log: boolean;
  /** The y axis begins at 0 and reaches at least to this. */
  upTo?: number;
}

/** The part of a plot's options that is about its look. */
export function plotLook({ x, y, xTicks, yTicks, log, upTo }: LookOptions) {
  const lines = { stroke: () => themeColour('--jp-border-color2'), width: 1 };
  const axis: uPlot.Axis = {
    stroke: () => themeColour('--jp-ui-font-color2'),
    grid: lines,
    ticks: { ...lines, size: 4 },
    font: `11px ${themeColour('--jp-ui-font-family', 'sans-serif')}`,
    gap: 4
  };
  const range: uPlot.Scale.Range = (_, __, high) => [0, Math.max(upTo ?? 0, high ?? 0)];
  const written = (say: (value: number) => string) => (_: uPlot, splits: (number | null)[]) =>
    splits.map(split => (split === null ? '' : say(split)));
  return {
    legend: { show: false },
    padding: [8, 12, 0, 0] as uPlot.Padding,
    scales: { x: { time: false }, y: { distr: log ? 3 : 1, ...(upTo !== undefined && !log ? { range } : {}) } as uPlot.Scale },
    axes: [
      { ...axis, size: 24, values: written(x), incrs: xTicks },
      { ...axis, size: 52, values: written(y), incrs: log ? undefined : yTicks }
    ],
    focus: { alpha: FADED }
  };
}

/** How a plot looks in JupyterLab: its axes, grid and font. Colours are asked for at each drawing, as the theme may change. */
import type uPlot from 'uplot';
import { themeColour } from './palette';

const FADED = 0.25; // curves beside the one that is pointed at

export interface LookOptions {
  /** How a value is written at each axis. */
  x: (value: number) => string;
  y: (value: number) => string;
  log: boolean;
  /** The y axis begins at 0 and reaches at least to this. */
  upTo?: number;
}

/** The part of a plot's options that is about its look. */
export function plotLook({ x, y, log, upTo }: LookOptions) {
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
      { ...axis, size: 24, values: written(x) },
      { ...axis, size: 52, values: written(y) }
    ],
    focus: { alpha: FADED }
  };
}
